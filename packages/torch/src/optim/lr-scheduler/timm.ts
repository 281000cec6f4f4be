import { z } from "zod";
import { parseOptions } from "../options.ts";
import type { ParamGroup } from "../param-group.ts";
import { LRScheduler, type ScheduledOptimizer } from "./scheduler.ts";

const warmUp = {
  warmupT: z.int().min(0).default(0).describe("epochs (or steps) of linear warm-up"),
  warmupLrInit: z.number().min(0).default(0).describe("the rate at which the warm-up starts"),
};
const countsFromWarmUp = (byDefault: boolean) =>
  z.boolean().default(byDefault).describe("the schedule begins after the warm-up, instead of with it");
const tInEpochs = z.boolean().default(true).describe("false: all lengths are in optimizer steps");
const cycles = {
  lrMin: z.number().min(0).default(0).describe("the lowest rate"),
  cycleMul: z.number().positive().default(1).describe("each cycle is this many times as long as the one before"),
  cycleDecay: z.number().positive().default(1).describe("and its highest rate this many times as high"),
  cycleLimit: z.int().min(0).default(1).describe("cycles; after them the rate is the lowest"),
};
const tInitial = z.number().positive().describe("length of the first cycle");
const kDecay = z.number().positive().default(1).describe("exponent of the position in a cycle");

export const cosineLrSchedulerOptionsSchema = z.strictObject({
  ...{ tInitial, ...cycles, ...warmUp, warmupPrefix: countsFromWarmUp(false), tInEpochs, kDecay },
});
export const polyLrSchedulerOptionsSchema = z.strictObject({
  ...{ tInitial, power: z.number().default(0.5), ...cycles, ...warmUp },
  ...{ warmupPrefix: countsFromWarmUp(false), tInEpochs, kDecay },
});
export const tanhLrSchedulerOptionsSchema = z.strictObject({
  ...{ tInitial, lb: z.number().default(-7), ub: z.number().default(3), ...cycles, ...warmUp },
  ...{ warmupPrefix: countsFromWarmUp(false), tInEpochs },
});
const decayRate = z.number().default(1).describe("factor of the rate at each decay");
export const stepLrSchedulerOptionsSchema = z.strictObject({
  ...{ decayT: z.number().positive().describe("epochs between two decays"), decayRate, ...warmUp },
  ...{ warmupPrefix: countsFromWarmUp(true), tInEpochs },
});
export const multiStepLrSchedulerOptionsSchema = z.strictObject({
  ...{ decayT: z.array(z.number()).describe("the epochs of the decays"), decayRate, ...warmUp },
  ...{ warmupPrefix: countsFromWarmUp(true), tInEpochs },
});

interface WarmUp {
  readonly warmupT: number;
  readonly warmupLrInit: number;
  readonly warmupPrefix: boolean;
  readonly tInEpochs: boolean;
}

/**
 * A schedule of timm: the rate is a function of the epoch alone (`timm/scheduler`, 1.0). A parameter group with an
 * `lrScale` has that many times the rate, its warm-up and its lowest rate included.
 */
abstract class TimmScheduler extends LRScheduler {
  /** Whether it is stepped once an epoch, and not once an optimizer step. */
  readonly tInEpochs: boolean;
  protected readonly warmupT: number;
  protected readonly warmupLrInit: number;
  protected readonly warmupPrefix: boolean;

  constructor(optimizer: ScheduledOptimizer, { warmupT, warmupLrInit, warmupPrefix, tInEpochs }: WarmUp) {
    super(optimizer);
    this.warmupT = warmupT;
    this.warmupLrInit = warmupLrInit;
    this.warmupPrefix = warmupPrefix;
    this.tInEpochs = tInEpochs;
  }

  /** The rate at `t`, without the warm-up. */
  protected abstract rateAt(t: number, base: number): number;

  /** The rate at which the warm-up ends. */
  protected warmRate(base: number): number {
    return base;
  }

  protected override lrOf({ lrScale }: ParamGroup, base: number): number {
    const { lastEpoch: t, warmupT, warmupLrInit } = this;
    const scale = typeof lrScale === "number" ? lrScale : 1;
    const whole = base / scale;
    if (t < warmupT) return (warmupLrInit + (t * (this.warmRate(whole) - warmupLrInit)) / warmupT) * scale;
    return this.rateAt(this.warmupPrefix ? t - warmupT : t, whole) * scale;
  }
}

interface Cycles extends WarmUp {
  readonly tInitial: number;
  readonly lrMin: number;
  readonly cycleMul: number;
  readonly cycleDecay: number;
  readonly cycleLimit: number;
}

abstract class CyclicTimmScheduler extends TimmScheduler {
  protected readonly tInitial: number;
  protected readonly lrMin: number;
  protected readonly cycleMul: number;
  protected readonly cycleDecay: number;
  protected readonly cycleLimit: number;

  constructor(optimizer: ScheduledOptimizer, options: Cycles) {
    super(optimizer, options);
    this.tInitial = options.tInitial;
    this.lrMin = options.lrMin;
    this.cycleMul = options.cycleMul;
    this.cycleDecay = options.cycleDecay;
    this.cycleLimit = options.cycleLimit;
  }

  /** What is left of the way from the highest to the lowest rate, in [0, 1], at a position in a cycle. */
  protected abstract remaining(position: number, length: number): number;

  protected override rateAt(t: number, base: number): number {
    const { tInitial, lrMin, cycleMul, cycleDecay, cycleLimit } = this;
    const cycle =
      cycleMul === 1
        ? Math.floor(t / tInitial)
        : Math.floor(Math.log(1 - (t / tInitial) * (1 - cycleMul)) / Math.log(cycleMul));
    // NaN: cycles that become shorter are all over.
    if (!(cycle < cycleLimit)) return lrMin;
    const before = cycleMul === 1 ? cycle : (1 - cycleMul ** cycle) / (1 - cycleMul);
    const highest = base * cycleDecay ** cycle;
    return lrMin + (highest - lrMin) * this.remaining(t - before * tInitial, cycleMul ** cycle * tInitial);
  }
}

/** timm's cosine with warm-up, restarts and k-decay. */
export class CosineLRScheduler extends CyclicTimmScheduler {
  protected readonly kDecay: number;

  constructor(optimizer: ScheduledOptimizer, given: z.input<typeof cosineLrSchedulerOptionsSchema>) {
    const options = parseOptions("CosineLRScheduler", cosineLrSchedulerOptionsSchema, given);
    super(optimizer, options);
    this.kDecay = options.kDecay;
    this.initialStep();
  }

  protected override remaining(position: number, length: number): number {
    return 0.5 * (1 + Math.cos((Math.PI * position ** this.kDecay) / length ** this.kDecay));
  }
}

/** timm's polynomial decay with warm-up, restarts and k-decay. */
export class PolyLRScheduler extends CyclicTimmScheduler {
  protected readonly kDecay: number;
  protected readonly power: number;

  constructor(optimizer: ScheduledOptimizer, given: z.input<typeof polyLrSchedulerOptionsSchema>) {
    const options = parseOptions("PolyLRScheduler", polyLrSchedulerOptionsSchema, given);
    super(optimizer, options);
    this.kDecay = options.kDecay;
    this.power = options.power;
    this.initialStep();
  }

  protected override remaining(position: number, length: number): number {
    return (1 - position ** this.kDecay / length ** this.kDecay) ** this.power;
  }
}

/** timm's hyperbolic tangent (Hsueh et al., "Stochastic gradient descent with hyperbolic-tangent decay", 2018). */
export class TanhLRScheduler extends CyclicTimmScheduler {
  protected readonly lb: number;
  protected readonly ub: number;

  constructor(optimizer: ScheduledOptimizer, given: z.input<typeof tanhLrSchedulerOptionsSchema>) {
    const options = parseOptions("TanhLRScheduler", tanhLrSchedulerOptionsSchema, given);
    super(optimizer, options);
    this.lb = options.lb;
    this.ub = options.ub;
    this.initialStep();
  }

  protected override warmRate(base: number): number {
    return this.warmupPrefix ? base : this.rateAt(this.warmupT, base);
  }

  protected override remaining(position: number, length: number): number {
    const done = position / length;
    return 0.5 * (1 - Math.tanh(this.lb * (1 - done) + this.ub * done));
  }
}

/** timm's decay every `decayT` epochs, with warm-up. */
export class StepLRScheduler extends TimmScheduler {
  protected readonly decayT: number;
  protected readonly decayRate: number;

  constructor(optimizer: ScheduledOptimizer, given: z.input<typeof stepLrSchedulerOptionsSchema>) {
    const options = parseOptions("StepLRScheduler", stepLrSchedulerOptionsSchema, given);
    super(optimizer, options);
    this.decayT = options.decayT;
    this.decayRate = options.decayRate;
    this.initialStep();
  }

  protected override rateAt(t: number, base: number): number {
    return base * this.decayRate ** Math.floor(t / this.decayT);
  }
}

/** timm's decay at given epochs, each one epoch early as there, with warm-up. */
export class MultiStepLRScheduler extends TimmScheduler {
  protected readonly decayT: number[];
  protected readonly decayRate: number;

  constructor(optimizer: ScheduledOptimizer, given: z.input<typeof multiStepLrSchedulerOptionsSchema>) {
    const options = parseOptions("MultiStepLRScheduler", multiStepLrSchedulerOptionsSchema, given);
    super(optimizer, options);
    this.decayT = options.decayT;
    this.decayRate = options.decayRate;
    this.initialStep();
  }

  protected override rateAt(t: number, base: number): number {
    return base * this.decayRate ** this.decayT.filter((epoch) => epoch <= t + 1).length;
  }
}
