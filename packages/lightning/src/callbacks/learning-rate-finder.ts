import { getLogger } from "@classifier-training/base";
import { z } from "zod";
import { MisconfigurationError } from "../core/errors.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { Callback } from "./callback.ts";
import { rememberState, trialStep } from "./tuner-probe.ts";

const log = getLogger("lightning.tuner");

export const learningRateFinderOptionsSchema = z.strictObject({
  minLr: z.number().positive().default(1e-8),
  maxLr: z.number().positive().default(1),
  numTrainingSteps: z.int().min(2).default(100),
  mode: z.enum(["exponential", "linear"]).default("exponential"),
  /** Stop when the smoothed loss is so many times the best one; null never stops. */
  earlyStopThreshold: z.number().positive().nullable().default(4),
  /** Train with the suggestion (else it is only reported). */
  updateAttr: z.boolean().default(true),
  /** Accepted for Lightning's configurations: the rate is set in the optimizer's groups. */
  attrName: z.string().default(""),
});

/**
 * The learning-rate range test (Smith 2015): trains a few batches with a growing rate, takes the one where the smoothed
 * loss falls fastest, and puts weights and optimizer back before training starts.
 */
export class LearningRateFinder extends Callback {
  readonly #options: z.infer<typeof learningRateFinderOptionsSchema>;
  readonly results: { lr: number[]; loss: number[] } = { lr: [], loss: [] };
  suggestion: number | undefined;

  constructor(options: z.input<typeof learningRateFinderOptionsSchema> = {}) {
    super();
    this.#options = learningRateFinderOptionsSchema.parse(options);
  }

  override get order(): "first" {
    return "first";
  }

  override async onTrainStart(trainer: TrainerView, module: LightningModule): Promise<void> {
    if (trainer.fastDevRun !== false || trainer.ckptPath !== undefined || this.suggestion !== undefined) return;
    const [optimizer] = trainer.optimizers;
    if (optimizer === undefined || trainer.optimizers.length > 1) {
      throw new MisconfigurationError("the learning rate finder only works with a single optimizer");
    }
    const groups = optimizer.paramGroups as { lr: number }[];
    const before = groups.map(({ lr }) => lr);
    const restore = rememberState(trainer, module);
    const { numTrainingSteps } = this.#options;
    for (let step = 0; step < numTrainingSteps; ) {
      const began = step;
      await trainer.forEachTrainingBatch((batch) => {
        for (const group of groups) group.lr = this.#rateAt(step);
        const goesOn = this.#record(this.#rateAt(step), trialStep(trainer, module, batch));
        step = goesOn ? step + 1 : numTrainingSteps;
        return step < numTrainingSteps;
      });
      if (step === began) break;
    }
    restore();
    for (const [i, group] of groups.entries()) group.lr = before[i] ?? group.lr;
    this.suggestion = this.suggest();
    this.#apply(groups, before);
  }

  #apply(groups: readonly { lr: number; initialLr?: number }[], before: readonly number[]): void {
    const { suggestion } = this;
    if (suggestion === undefined) {
      log.warning("the learning rate finder found no rate: the loss never fell. The one configured is used");
      return;
    }
    log.info(`Learning rate ${this.#options.updateAttr ? "set to" : "suggested:"} ${suggestion}`);
    if (!this.#options.updateAttr) return;
    const first = before[0] ?? suggestion;
    // Groups keep their ratios, and schedulers that go by the initial rate start from the new one.
    for (const [i, group] of groups.entries()) {
      group.lr = (suggestion * (before[i] ?? first)) / first;
      if (group.initialLr !== undefined) group.initialLr = group.lr;
    }
  }

  #rateAt(step: number): number {
    const { minLr, maxLr, numTrainingSteps, mode } = this.#options;
    const t = step / Math.max(1, numTrainingSteps - 1);
    return mode === "linear" ? minLr + (maxLr - minLr) * t : minLr * (maxLr / minLr) ** t;
  }

  #average = 0;
  #best = Number.POSITIVE_INFINITY;

  /** Keeps the smoothed loss (0.98, bias corrected); false when it has exploded. */
  #record(lr: number, loss: number): boolean {
    const { earlyStopThreshold } = this.#options;
    const beta = 0.98;
    this.#average = beta * this.#average + (1 - beta) * loss;
    const smoothed = this.#average / (1 - beta ** (this.results.loss.length + 1));
    this.results.lr.push(lr);
    this.results.loss.push(smoothed);
    if (this.results.loss.length > 2 && earlyStopThreshold !== null && !(smoothed <= earlyStopThreshold * this.#best)) {
      return false;
    }
    this.#best = Math.min(this.#best, smoothed);
    return true;
  }

  /** The rate at which the loss falls fastest, leaving out the first 10 and the last. */
  suggest(skipBegin = 10, skipEnd = 1): number | undefined {
    const losses = this.results.loss.slice(skipBegin, this.results.loss.length - skipEnd);
    let steepest = 0;
    let found: number | undefined;
    for (let i = 0; i < losses.length; i++) {
      const [from, to] = [Math.max(0, i - 1), Math.min(losses.length - 1, i + 1)];
      const slope = ((losses[to] ?? 0) - (losses[from] ?? 0)) / Math.max(1, to - from);
      if (!(slope < steepest)) continue;
      steepest = slope;
      found = this.results.lr[skipBegin + i];
    }
    return found;
  }
}
