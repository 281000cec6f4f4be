import { z } from "zod";
import { optionError, parseOptions } from "../options.ts";
import type { ParamGroup } from "../param-group.ts";
import { LRScheduler, type ScheduledOptimizer } from "./scheduler.ts";

export const linearWarmupCosineAnnealingLrOptionsSchema = z.strictObject({
  warmupEpochs: z.int().min(0),
  maxEpochs: z.int().min(1).describe("epochs of the whole schedule"),
  warmupStartLr: z.number().min(0).default(0),
  etaMin: z.number().min(0).default(0).describe("the lowest rate"),
  lastEpoch: z.int().default(-1),
});

/**
 * A linear warm-up whose last epoch (`warmupEpochs - 1`) has the base rate already, then half a cosine: Lightning
 * Bolts' schedule of that name, in its closed form.
 */
export class LinearWarmupCosineAnnealingLR extends LRScheduler {
  protected readonly warmupEpochs: number;
  protected readonly maxEpochs: number;
  protected readonly warmupStartLr: number;
  protected readonly etaMin: number;

  constructor(optimizer: ScheduledOptimizer, given: z.input<typeof linearWarmupCosineAnnealingLrOptionsSchema>) {
    const name = "LinearWarmupCosineAnnealingLR";
    const options = parseOptions(name, linearWarmupCosineAnnealingLrOptionsSchema, given);
    super(optimizer, options.lastEpoch);
    if (options.maxEpochs <= options.warmupEpochs) {
      throw optionError(
        name,
        `expected maxEpochs above warmupEpochs, received ${options.maxEpochs} and ${options.warmupEpochs}`,
      );
    }
    this.warmupEpochs = options.warmupEpochs;
    this.maxEpochs = options.maxEpochs;
    this.warmupStartLr = options.warmupStartLr;
    this.etaMin = options.etaMin;
    this.initialStep();
  }

  protected override lrOf(_: ParamGroup, base: number): number {
    const { lastEpoch, warmupEpochs, maxEpochs, warmupStartLr, etaMin } = this;
    if (lastEpoch === 0 && warmupEpochs > 0) return warmupStartLr;
    if (lastEpoch < warmupEpochs) {
      return warmupStartLr + (lastEpoch * (base - warmupStartLr)) / (warmupEpochs - 1);
    }
    const done = (lastEpoch - warmupEpochs) / (maxEpochs - warmupEpochs);
    return etaMin + 0.5 * (base - etaMin) * (1 + Math.cos(Math.PI * done));
  }
}

const numWarmupSteps = z.number().min(0);
const numTrainingSteps = z.number().min(1).describe("steps of the whole schedule");
const lastEpoch = z.int().default(-1);

/** The options of `transformers.get_*_schedule*`, by kind. */
export const warmupScheduleOptions = {
  constant: z.strictObject({ lastEpoch }),
  constant_with_warmup: z.strictObject({ numWarmupSteps, lastEpoch }),
  linear: z.strictObject({ numWarmupSteps, numTrainingSteps, lastEpoch }),
  cosine: z.strictObject({ numWarmupSteps, numTrainingSteps, numCycles: z.number().default(0.5), lastEpoch }),
  cosine_with_min_lr: z.strictObject({
    ...{ numWarmupSteps, numTrainingSteps, numCycles: z.number().default(0.5), lastEpoch },
    minLr: z.number().min(0).nullish(),
    minLrRate: z.number().min(0).nullish().describe("the lowest rate as a fraction of the highest"),
  }),
  cosine_with_restarts: z.strictObject({
    ...{ numWarmupSteps, numTrainingSteps, numCycles: z.number().default(1), lastEpoch },
  }),
  polynomial: z.strictObject({
    ...{ numWarmupSteps, numTrainingSteps, lrEnd: z.number().min(0).default(1e-7), power: z.number().default(1) },
    lastEpoch,
  }),
  inverse_sqrt: z.strictObject({ numWarmupSteps, timescale: z.number().positive().nullish(), lastEpoch }),
} as const;

/** A schedule after a linear warm-up. */
export type WarmupScheduleKind = keyof typeof warmupScheduleOptions;

interface Numbers {
  readonly numWarmupSteps?: number;
  readonly numTrainingSteps?: number;
  readonly numCycles?: number;
  readonly minLr?: number | null | undefined;
  readonly minLrRate?: number | null | undefined;
  readonly lrEnd?: number;
  readonly power?: number;
  readonly timescale?: number | null | undefined;
  readonly lastEpoch: number;
}

/** A linear warm-up from 0 and what follows it, stepped once an optimizer step: `transformers/optimization.py` (4.57). */
export class WarmupSchedule extends LRScheduler {
  protected readonly kind: WarmupScheduleKind;
  protected readonly numWarmupSteps: number;
  protected readonly numTrainingSteps: number;
  protected readonly numCycles: number;
  /** The lowest rate as a fraction of the highest. */
  protected readonly lowest: number;
  protected readonly power: number;
  protected readonly timescale: number;

  constructor(optimizer: ScheduledOptimizer, kind: WarmupScheduleKind, given: Readonly<Record<string, unknown>>) {
    const options: Numbers = parseOptions("WarmupSchedule", warmupScheduleOptions[kind], given) as Numbers;
    super(optimizer, options.lastEpoch);
    const { numWarmupSteps: warmUp = 0, numTrainingSteps: total = 0, numCycles = 0, power = 1 } = options;
    const { minLr, minLrRate, lrEnd = minLr } = options;
    if (kind === "cosine_with_min_lr" && (minLr ?? null) === (minLrRate ?? null)) {
      throw optionError("WarmupSchedule", "expected one of minLr and minLrRate");
    }
    this.kind = kind;
    this.numWarmupSteps = warmUp;
    this.numTrainingSteps = total;
    this.numCycles = numCycles;
    this.lowest = minLrRate ?? (lrEnd ?? 0) / Number(optimizer.defaults?.["lr"] ?? this.baseLrs[0]);
    this.power = power;
    this.timescale = options.timescale ?? (warmUp || 10_000);
    this.initialStep();
  }

  protected override lrOf(_: ParamGroup, base: number): number {
    const { lastEpoch: step, numWarmupSteps: warmUp, kind } = this;
    const warming = kind !== "constant" && step < warmUp;
    return base * (warming ? step / Math.max(1, warmUp) : this.afterWarmUp(step));
  }

  private afterWarmUp(step: number): number {
    const { numWarmupSteps: warmUp, numTrainingSteps: total, numCycles, lowest, power, timescale } = this;
    const done = (step - warmUp) / Math.max(1, total - warmUp);
    switch (this.kind) {
      case "linear":
        return Math.max(0, (total - step) / Math.max(1, total - warmUp));
      case "cosine":
      case "cosine_with_min_lr":
        return Math.max(0, lowest + 0.5 * (1 - lowest) * (1 + Math.cos(Math.PI * numCycles * 2 * done)));
      case "cosine_with_restarts":
        return done >= 1 ? 0 : Math.max(0, 0.5 * (1 + Math.cos(Math.PI * ((numCycles * done) % 1))));
      case "polynomial":
        return step > total ? lowest : (1 - lowest) * (1 - done) ** power + lowest;
      case "inverse_sqrt":
        return 1 / Math.sqrt((step + timescale - warmUp) / timescale);
      default:
        return 1;
    }
  }
}
