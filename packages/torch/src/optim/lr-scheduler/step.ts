import { z } from "zod";
import { parseOptions } from "../options.ts";
import type { ParamGroup } from "../param-group.ts";
import { plainState } from "../state.ts";
import { LRScheduler, type ScheduledOptimizer } from "./scheduler.ts";

export const stepLrOptionsSchema = z.strictObject({
  stepSize: z.int().min(1).describe("epochs between two decays"),
  gamma: z.number().default(0.1),
  lastEpoch: z.int().default(-1),
});

/** Multiplies the rate by `gamma` every `stepSize` epochs. */
export class StepLR extends LRScheduler {
  protected readonly stepSize: number;
  protected readonly gamma: number;

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof stepLrOptionsSchema>) {
    const { stepSize, gamma, lastEpoch } = parseOptions("StepLR", stepLrOptionsSchema, options);
    super(optimizer, lastEpoch);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.initialStep();
  }

  protected override get onlyScales(): boolean {
    return true;
  }

  protected override lrOf({ lr }: ParamGroup): number {
    return this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0 ? lr : lr * this.gamma;
  }

  protected override closedFormLrOf(_: ParamGroup, base: number): number {
    return base * this.gamma ** Math.floor(this.lastEpoch / this.stepSize);
  }
}

export const multiStepLrOptionsSchema = z.strictObject({
  milestones: z.array(z.int()).describe("epochs at which the rate decays; one named twice decays twice"),
  gamma: z.number().default(0.1),
  lastEpoch: z.int().default(-1),
});

/** Multiplies the rate by `gamma` at each milestone. */
export class MultiStepLR extends LRScheduler {
  protected readonly milestones: number[];
  protected readonly gamma: number;

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof multiStepLrOptionsSchema>) {
    const { milestones, gamma, lastEpoch } = parseOptions("MultiStepLR", multiStepLrOptionsSchema, options);
    super(optimizer, lastEpoch);
    this.milestones = milestones;
    this.gamma = gamma;
    this.initialStep();
  }

  protected override get onlyScales(): boolean {
    return true;
  }

  protected override lrOf({ lr }: ParamGroup): number {
    const times = this.milestones.filter((milestone) => milestone === this.lastEpoch).length;
    return times === 0 ? lr : lr * this.gamma ** times;
  }

  protected override closedFormLrOf(_: ParamGroup, base: number): number {
    const passed = this.milestones.filter((milestone) => milestone <= this.lastEpoch).length;
    return base * this.gamma ** passed;
  }

  /** PyTorch keeps the milestones as a Counter: how often each occurs. */
  protected override translateState(given: Record<string, unknown>): Record<string, unknown> {
    const { milestones } = given;
    if (typeof milestones !== "object" || milestones === null || Array.isArray(milestones)) return given;
    const counts = Object.entries(plainState(milestones));
    const list = counts.flatMap(([epoch, times]) => new Array<number>(Number(times)).fill(Number(epoch)));
    return { ...given, milestones: list };
  }
}

export const exponentialLrOptionsSchema = z.strictObject({ gamma: z.number(), lastEpoch: z.int().default(-1) });

/** Multiplies the rate by `gamma` every epoch. */
export class ExponentialLR extends LRScheduler {
  protected readonly gamma: number;

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof exponentialLrOptionsSchema>) {
    const { gamma, lastEpoch } = parseOptions("ExponentialLR", exponentialLrOptionsSchema, options);
    super(optimizer, lastEpoch);
    this.gamma = gamma;
    this.initialStep();
  }

  protected override get onlyScales(): boolean {
    return true;
  }

  protected override lrOf({ lr }: ParamGroup): number {
    return this.lastEpoch === 0 ? lr : lr * this.gamma;
  }

  protected override closedFormLrOf(_: ParamGroup, base: number): number {
    return base * this.gamma ** this.lastEpoch;
  }
}

export const polynomialLrOptionsSchema = z.strictObject({
  totalIters: z.int().min(1).default(5).describe("steps until the rate is zero"),
  power: z.number().default(1),
  lastEpoch: z.int().default(-1),
});

/** Lets the rate fall to zero over `totalIters` steps as `(1 - t / totalIters) ** power`. */
export class PolynomialLR extends LRScheduler {
  protected readonly totalIters: number;
  protected readonly power: number;

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof polynomialLrOptionsSchema> = {}) {
    const { totalIters, power, lastEpoch } = parseOptions("PolynomialLR", polynomialLrOptionsSchema, options);
    super(optimizer, lastEpoch);
    this.totalIters = totalIters;
    this.power = power;
    this.initialStep();
  }

  protected override get onlyScales(): boolean {
    return true;
  }

  protected override lrOf({ lr }: ParamGroup): number {
    const { lastEpoch, totalIters, power } = this;
    if (lastEpoch === 0 || lastEpoch > totalIters) return lr;
    return lr * ((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** power;
  }

  protected override closedFormLrOf(_: ParamGroup, base: number): number {
    const { lastEpoch, totalIters, power } = this;
    return base * (1 - Math.min(totalIters, lastEpoch) / totalIters) ** power;
  }
}
