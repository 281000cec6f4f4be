import { camelCase, getLogger, parseOptions } from "@classifier-training/base";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
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
  /** The property of the module that holds the rate, in either spelling; by default `lr` or `learningRate`, if there. */
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
    this.#options = parseOptions("LearningRateFinder", learningRateFinderOptionsSchema, options);
  }

  override get order(): "first" {
    return "first";
  }

  override async onTrainStart(trainer: TrainerView, module: LightningModule): Promise<void> {
    if (trainer.ckptPath !== undefined || this.suggestion !== undefined) return;
    if (trainer.fastDevRun !== false) {
      log.warning("Skipping learning rate finder since `fastDevRun` is enabled.");
      return;
    }
    const attribute = this.#attribute(module);
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
        const continues = this.#record(this.#rateAt(step), trialStep(trainer, module, batch));
        step = continues ? step + 1 : numTrainingSteps;
        return step < numTrainingSteps;
      });
      if (step === began) break;
    }
    restore();
    for (const [i, group] of groups.entries()) group.lr = before[i] ?? group.lr;
    this.suggestion = this.suggest();
    this.#apply(
      groups,
      before,
      trainer.lrSchedulerConfigs.map(({ scheduler }) => scheduler),
    );
    if (attribute !== undefined && this.suggestion !== undefined)
      (module as unknown as Record<string, unknown>)[attribute] = this.suggestion;
  }

  #attribute(module: LightningModule): string | undefined {
    const { updateAttr, attrName } = this.#options;
    if (!updateAttr) return undefined;
    const names = attrName === "" ? ["lr", "learningRate"] : [attrName, camelCase(attrName)];
    const found = names.find((name) => name in module);
    if (found === undefined && attrName !== "") {
      throw new MisconfigurationError(
        `The attribute name for the learning rate was set to ${attrName}, but the module has no such property`,
        "leave attrName out: the optimizer's rates are set in any case",
      );
    }
    return found;
  }

  #apply(
    groups: readonly { lr: number; initialLr?: number }[],
    before: readonly number[],
    schedulers: readonly object[],
  ): void {
    const { suggestion } = this;
    if (suggestion === undefined) {
      log.warning("the learning rate finder has too few points to suggest a rate, and the one configured is used");
      return;
    }
    log.info(`Learning rate ${this.#options.updateAttr ? "set to" : "suggested:"} ${suggestion}`);
    if (!this.#options.updateAttr) return;
    // The suggestion stands for the rate that was configured: a warm-up begins at its part of it, groups keep their ratios.
    const configured = groups[0]?.initialLr ?? before[0] ?? suggestion;
    const scaled = (rate: number) => suggestion * (rate / configured);
    for (const group of groups) {
      group.lr = scaled(group.lr);
      if (group.initialLr !== undefined) group.initialLr = scaled(group.initialLr);
    }
    for (const scheduler of schedulers) scaleBaseRates(scheduler, scaled);
  }

  /** Lightning's: the first step has the least rate, the second that of step 2, and the last the largest. */
  #rateAt(step: number): number {
    const { minLr, maxLr, numTrainingSteps, mode } = this.#options;
    if (step === 0) return minLr;
    const t = (step + 1) / numTrainingSteps;
    return mode === "linear" ? minLr + (maxLr - minLr) * t : minLr * (maxLr / minLr) ** t;
  }

  #average = 0;
  #best = 0;

  /**
   * Keeps the smoothed loss: an average with 0.98, divided as Lightning does, which counts a step more than there were.
   * @returns false when it has exploded
   */
  #record(lr: number, loss: number): boolean {
    const { earlyStopThreshold } = this.#options;
    const beta = 0.98;
    this.#average = beta * this.#average + (1 - beta) * loss;
    const step = this.results.loss.length + 1;
    const smoothed = this.#average / (1 - beta ** (step + 1));
    this.results.lr.push(lr);
    this.results.loss.push(smoothed);
    const exploded = earlyStopThreshold !== null && step > 1 && smoothed > earlyStopThreshold * this.#best;
    if (smoothed < this.#best || step === 1) this.#best = smoothed;
    return !exploded;
  }

  /**
   * The rate at which the loss falls fastest with the rate, leaving out the first and the last few and what is not finite;
   * undefined when fewer than two are left.
   */
  suggest(skipBegin = 10, skipEnd = 1): number | undefined {
    const { lr, loss } = this.results;
    const points = loss
      .map((value, i) => ({ x: lr[i] as number, y: value }))
      .slice(skipBegin, loss.length - skipEnd)
      .filter(({ y }) => Number.isFinite(y));
    if (points.length < 2) return undefined;
    const slopes = gradient(points);
    return points[slopes.indexOf(Math.min(...slopes))]?.x;
  }
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Slopes of a curve at points that are not evenly spaced: second order inside (as `torch.gradient`), first at the ends. */
function gradient(points: readonly Point[]): number[] {
  const slope = (a: Point, b: Point) => (b.y - a.y) / (b.x - a.x);
  return points.map((here, i) => {
    const [before, after] = [points[i - 1], points[i + 1]];
    if (before === undefined) return slope(here, after as Point);
    if (after === undefined) return slope(before, here);
    const [left, right] = [here.x - before.x, after.x - here.x];
    return (left * slope(here, after) + right * slope(before, here)) / (left + right);
  });
}

function scaleBaseRates(scheduler: object, scaled: (rate: number) => number): void {
  const { baseLrs = [], schedulers = [] } = scheduler as { baseLrs?: number[]; schedulers?: readonly object[] };
  for (const [i, rate] of baseLrs.entries()) baseLrs[i] = scaled(rate);
  for (const inner of schedulers) scaleBaseRates(inner, scaled);
}
