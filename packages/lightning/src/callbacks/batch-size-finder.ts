import { getLogger } from "@classifier-training/base";
import { z } from "zod";
import { MisconfigurationError } from "../core/errors.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { Callback } from "./callback.ts";
import { rememberState, trialStep } from "./tuner-probe.ts";

const log = getLogger("lightning.tuner");

export const batchSizeFinderOptionsSchema = z.strictObject({
  /** Double until it fails, or search between the last that worked and the first that failed as well. */
  mode: z.enum(["power", "binsearch"]).default("power"),
  stepsPerTrial: z.int().min(1).default(3),
  initVal: z.int().min(1).default(2),
  maxTrials: z.int().min(1).default(25),
  /** The property of the data module (or the module) that holds the batch size. */
  batchArgName: z.string().default("batchSize"),
});

/** Finds the largest batch size that fits into memory, by trying. */
export class BatchSizeFinder extends Callback {
  readonly #options: z.infer<typeof batchSizeFinderOptionsSchema>;
  optimalBatchSize: number | undefined;

  constructor(options: z.input<typeof batchSizeFinderOptionsSchema> = {}) {
    super();
    this.#options = batchSizeFinderOptionsSchema.parse(options);
  }

  override get order(): "first" {
    return "first";
  }

  override async onTrainStart(trainer: TrainerView, module: LightningModule): Promise<void> {
    if (trainer.fastDevRun !== false || trainer.ckptPath !== undefined || this.optimalBatchSize !== undefined) return;
    const holder = this.#holder(trainer, module);
    const { mode, initVal, maxTrials, batchArgName } = this.#options;
    const restore = rememberState(trainer, module);
    let works = 0;
    let fails = Number.POSITIVE_INFINITY;
    for (let size = initVal, trial = 0; trial < maxTrials; trial++) {
      holder[batchArgName] = size;
      const fits = await this.#fits(trainer, module);
      if (fits) works = size;
      else fails = size;
      // A batch of the whole data cannot grow.
      if (fits && trainer.numTrainingBatches <= 1) break;
      if (fails === Number.POSITIVE_INFINITY) size *= 2;
      else if (mode === "power" || fails - works <= 1) break;
      else size = Math.floor((works + fails) / 2);
    }
    restore();
    if (works === 0) throw new MisconfigurationError(`not even a batch size of ${initVal} fits into memory`);
    holder[batchArgName] = works;
    await trainer.reloadTrainLoader();
    this.optimalBatchSize = works;
    log.info(`Batch size set to ${works}`);
  }

  #holder(trainer: TrainerView, module: LightningModule): Record<string, unknown> {
    const { batchArgName } = this.#options;
    for (const holder of [trainer.datamodule, module]) {
      if (holder !== undefined && batchArgName in holder) return holder as unknown as Record<string, unknown>;
    }
    throw new MisconfigurationError(
      `Field \`${batchArgName}\` not found in the data module or the module`,
      `give one of them a property \`${batchArgName}\` that its loaders use, or name another one with batchArgName`,
    );
  }

  async #fits(trainer: TrainerView, module: LightningModule): Promise<boolean> {
    const { stepsPerTrial } = this.#options;
    try {
      await trainer.reloadTrainLoader();
      let step = 0;
      await trainer.forEachTrainingBatch((batch) => {
        trialStep(trainer, module, batch);
        return ++step < stepsPerTrial;
      });
      return true;
    } catch (error) {
      if (!/out of memory|can't allocate|allocate memory|bad_alloc/i.test(String((error as Error).message)))
        throw error;
      return false;
    }
  }
}
