import type { DType } from "@classifier-training/torch";
import type { LightningDataModule } from "../core/datamodule.ts";
import type { LightningModule } from "../core/module.ts";
import { asLoaderList, type BatchLoader } from "../data/batch-loader.ts";
import { shardOf } from "../data/shard.ts";
import { isDistributed, type Strategy } from "../strategies/strategy.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import { convertFloats, moveTensors } from "../utilities/tensor-trees.ts";
import { agree } from "./rank-agreement.ts";

type LoaderHook = "trainDataloader" | "valDataloader" | "testDataloader" | "predictDataloader";

/** Finds loaders (given to the call, of the data module, of the module) and brings batches to the device. */
export class DataConnector {
  readonly #strategy: Strategy;
  readonly #shards: boolean;
  #module: LightningModule | undefined;
  #datamodule: LightningDataModule | undefined;
  #given: Partial<Record<LoaderHook, unknown>> = {};
  readonly #open = new Set<BatchLoader<unknown>>();

  /** @param shards whether each rank gets its part of what the loaders give: `useDistributedSampler` */
  constructor(strategy: Strategy, shards: boolean) {
    this.#strategy = strategy;
    this.#shards = shards && isDistributed(strategy);
  }

  attach(
    module: LightningModule,
    datamodule: LightningDataModule | undefined,
    given: Partial<Record<LoaderHook, unknown>>,
  ): void {
    this.#module = module;
    this.#datamodule = datamodule;
    this.#given = given;
  }

  /** Whether there is a loader at all, without asking for it. */
  has(hook: LoaderHook): boolean {
    return (
      this.#given[hook] !== undefined ||
      typeof this.#datamodule?.[hook] === "function" ||
      typeof this.#module?.[hook] === "function"
    );
  }

  /**
   * The loaders of a hook; in a distributed run, this rank's part of them.
   * @throws MisconfigurationError when nothing provides this loader
   */
  async request(hook: LoaderHook): Promise<readonly BatchLoader<unknown>[]> {
    const source = this.#given[hook] ?? (await (this.#datamodule?.[hook]?.() ?? this.#module?.[hook]?.()));
    if (source === undefined || source === null) {
      throw new MisconfigurationError(
        `there is no \`${hook}()\`: neither the call, the data module nor the module provides it`,
      );
    }
    const { globalRank: rank, worldSize } = this.#strategy;
    const shard = { rank, worldSize, training: hook === "trainDataloader" };
    const whole = asLoaderList(source, hook);
    // A rank that shards by itself may have a batch more of what is only measured.
    if (isDistributed(this.#strategy) && (this.#shards || shard.training)) {
      await agree(this.#strategy, { [`batches of ${hook}`]: whole.map(({ length }) => length) });
    }
    const loaders = this.#shards ? whole.map((loader) => shardOf(loader, shard)) : whole;
    for (const loader of loaders) this.#open.add(loader);
    return loaders;
  }

  /** The three transfer hooks: the data module's where it has them, else the module's. */
  async transfer(
    batch: unknown,
    device: string,
    inputDtype: DType | undefined,
    dataloaderIdx: number,
  ): Promise<unknown> {
    let current = inputDtype === undefined ? batch : convertFloats(batch, inputDtype);
    const before = this.#hook("onBeforeBatchTransfer");
    if (before !== undefined) current = await before(current, dataloaderIdx);
    const move = this.#hook("transferBatchToDevice");
    if (move !== undefined) current = await move(current, device, dataloaderIdx);
    else if (device !== "cpu") current = moveTensors(current, device);
    const after = this.#hook("onAfterBatchTransfer");
    if (after !== undefined) current = await after(current, dataloaderIdx);
    return current;
  }

  #hook(
    name: "onBeforeBatchTransfer" | "transferBatchToDevice" | "onAfterBatchTransfer",
  ): ((...args: readonly unknown[]) => unknown) | undefined {
    const owner = typeof this.#datamodule?.[name] === "function" ? this.#datamodule : this.#module;
    const method = owner?.[name] as ((...args: readonly unknown[]) => unknown) | undefined;
    return method?.bind(owner);
  }

  /** Stops the workers of every loader. */
  async close(): Promise<void> {
    const loaders = [...this.#open];
    this.#open.clear();
    for (const loader of loaders) await loader.close?.();
  }
}
