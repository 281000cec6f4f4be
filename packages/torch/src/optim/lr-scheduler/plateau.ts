import { z } from "zod";
import { parseOptions } from "../options.ts";
import { checkSchedulerState, plainState } from "../state.ts";
import { perGroup, type ScheduledOptimizer, type Scheduler, type SchedulerState } from "./scheduler.ts";

export const reduceLrOnPlateauOptionsSchema = z.strictObject({
  mode: z.enum(["min", "max"]).default("min").describe("whether the metric should fall or rise"),
  factor: z.number().lt(1).default(0.1).describe("factor of the rate at each reduction"),
  patience: z.int().min(0).default(10).describe("epochs without improvement that are borne"),
  threshold: z.number().default(1e-4).describe("smallest change that counts as improvement"),
  thresholdMode: z.enum(["rel", "abs"]).default("rel"),
  cooldown: z.int().min(0).default(0).describe("epochs after a reduction that are not judged"),
  minLr: z
    .union([z.number(), z.array(z.number())])
    .default(0)
    .describe("lowest rate, one for all groups or one each"),
  eps: z.number().default(1e-8).describe("a change of the rate smaller than this is not made"),
});

/** Lowers the rate when a metric has stopped improving. A NaN is not an improvement. */
export class ReduceLROnPlateau implements Scheduler {
  readonly optimizer: ScheduledOptimizer;
  readonly options: Readonly<z.infer<typeof reduceLrOnPlateauOptionsSchema>>;
  lastEpoch = 0;
  best: number;
  cooldownCounter = 0;
  numBadEpochs = 0;
  #minLrs: number[];
  #lastLr: number[];

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof reduceLrOnPlateauOptionsSchema> = {}) {
    this.optimizer = optimizer;
    this.options = parseOptions("ReduceLROnPlateau", reduceLrOnPlateauOptionsSchema, options);
    this.best = this.options.mode === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
    this.#minLrs = perGroup("ReduceLROnPlateau", "minLr", this.options.minLr, optimizer.paramGroups.length);
    this.#lastLr = optimizer.paramGroups.map((group) => group.lr);
  }

  /** @param metric the value of this epoch */
  step(metric = Number.NaN): void {
    this.lastEpoch++;
    if (this.#isBetter(metric)) {
      this.best = metric;
      this.numBadEpochs = 0;
    } else {
      this.numBadEpochs++;
    }
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.options.patience) {
      this.#reduce();
      this.cooldownCounter = this.options.cooldown;
      this.numBadEpochs = 0;
    }
    this.#lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  #isBetter(metric: number): boolean {
    const { mode, threshold, thresholdMode } = this.options;
    if (mode === "min") {
      return metric < (thresholdMode === "rel" ? this.best * (1 - threshold) : this.best - threshold);
    }
    return metric > (thresholdMode === "rel" ? this.best * (threshold + 1) : this.best + threshold);
  }

  #reduce(): void {
    const groups = this.optimizer.paramGroups;
    if (groups.length !== this.#minLrs.length) {
      // Groups joined: one limit holds for them too, a list has to name theirs.
      this.#minLrs = perGroup("ReduceLROnPlateau", "minLr", this.options.minLr, groups.length);
    }
    for (const [i, group] of groups.entries()) {
      const lower = Math.max(group.lr * this.options.factor, this.#minLrs[i] ?? 0);
      if (group.lr - lower > this.options.eps) group.lr = lower;
    }
  }

  getLastLr(): number[] {
    return [...this.#lastLr];
  }

  stateDict(): SchedulerState {
    const { lastEpoch, best, cooldownCounter, numBadEpochs } = this;
    return { lastEpoch, best, cooldownCounter, numBadEpochs, lastLr: this.getLastLr() };
  }

  /** Takes the counters of a state, not its options; PyTorch's own is understood too. @throws CtError `torch/state` */
  loadStateDict(state: unknown): void {
    const given = plainState(state);
    const own = this.stateDict();
    const counters = Object.fromEntries(Object.entries(given).filter(([key]) => key in own || !pythonOptions.has(key)));
    const { lastLr, ...checked } = checkSchedulerState("ReduceLROnPlateau", own, counters);
    Object.assign(this, checked);
    this.#lastLr = lastLr as number[];
  }
}

/** What PyTorch keeps in the state beside the counters. */
const pythonOptions: ReadonlySet<string> = new Set([
  ...Object.keys(reduceLrOnPlateauOptionsSchema.shape),
  "minLrs",
  "defaultMinLr",
  "modeWorse",
]);
