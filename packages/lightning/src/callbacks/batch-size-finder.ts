import { camelCase, getLogger, parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import { rememberState, trialStep } from "./tuner-probe.ts";

const log = getLogger("lightning.tuner");

export const batchSizeFinderOptionsSchema = z.strictObject({
  /** Double until it fails, or search between the last that worked and the first that failed as well. */
  mode: z.enum(["power", "binsearch"]).default("power"),
  stepsPerTrial: z.int().min(1).default(3),
  initVal: z.int().min(1).default(2),
  maxTrials: z.int().min(1).default(25),
  /** The property of the data module (or the module) that holds the batch size, in either spelling. */
  batchArgName: z.string().default("batchSize"),
  /** By which fraction what `binsearch` found is reduced, for safety. */
  margin: z.number().min(0).lt(1).default(0.05),
  /** The search ends at this size. */
  maxVal: z.int().min(1).default(8192),
});

/** Finds the largest batch size that fits into memory, by trying. */
export class BatchSizeFinder extends Callback {
  readonly #options: z.infer<typeof batchSizeFinderOptionsSchema>;
  optimalBatchSize: number | undefined;

  constructor(options: z.input<typeof batchSizeFinderOptionsSchema> = {}) {
    super();
    this.#options = parseOptions("BatchSizeFinder", batchSizeFinderOptionsSchema, options);
  }

  override get order(): "first" {
    return "first";
  }

  override async onTrainStart(trainer: TrainerView, module: LightningModule): Promise<void> {
    if (trainer.ckptPath !== undefined || this.optimalBatchSize !== undefined) return;
    if (trainer.fastDevRun !== false) {
      log.warning("Skipping batch size scaler since `fastDevRun` is enabled.");
      return;
    }
    const { holder, name } = this.#holder(trainer, module);
    const { mode, initVal, margin } = this.#options;
    const restore = rememberState(trainer, module);
    const found = await this.#search(trainer, async (size) => {
      holder[name] = size;
      return this.#fits(trainer, module);
    });
    restore();
    if (found === 0) throw new MisconfigurationError(`not even a batch size of ${initVal} fits into memory`);
    const size = mode === "binsearch" ? Math.max(1, Math.trunc(found * (1 - margin))) : found;
    holder[name] = size;
    await trainer.reloadTrainLoader();
    this.optimalBatchSize = size;
    log.info(`Batch size set to ${size}`);
  }

  /** @returns the largest size that was found to work; 0 when none does */
  async #search(trainer: TrainerView, fits: (size: number) => Promise<boolean>): Promise<number> {
    const { mode, initVal, maxTrials, maxVal } = this.#options;
    let works = 0;
    let fails = Number.POSITIVE_INFINITY;
    let size = Math.min(initVal, maxVal);
    for (let trial = 0; trial < maxTrials; trial++) {
      if (await fits(size)) works = size;
      else fails = size;
      // A batch of the whole data cannot grow.
      if (works === maxVal || (works === size && trainer.numTrainingBatches <= 1)) break;
      if (fails === Number.POSITIVE_INFINITY) size = Math.min(2 * size, maxVal);
      else if (works > 0 && (mode === "power" || fails - works <= 1)) break;
      else if (size === 1) break;
      // When the first size is too large already, smaller ones are tried.
      else size = Math.floor((works + fails) / 2);
    }
    return works;
  }

  #holder(trainer: TrainerView, module: LightningModule): { holder: Record<string, unknown>; name: string } {
    const { batchArgName } = this.#options;
    for (const holder of [trainer.datamodule, module]) {
      const name = [batchArgName, camelCase(batchArgName)].find((one) => holder !== undefined && one in holder);
      if (name !== undefined) return { holder: holder as unknown as Record<string, unknown>, name };
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
