import { z } from "zod";
import { optionError, parseOptions } from "../options.ts";
import type { ParamGroup } from "../param-group.ts";
import { LRScheduler, type ScheduledOptimizer } from "./scheduler.ts";

export const linearLrOptionsSchema = z.strictObject({
  startFactor: z
    .number()
    .gt(0)
    .max(1)
    .default(1 / 3)
    .describe("factor of the rate at epoch 0"),
  endFactor: z.number().min(0).max(1).default(1).describe("factor of the rate from epoch totalIters on"),
  totalIters: z.int().min(1).default(5).describe("steps from the one factor to the other"),
  lastEpoch: z.int().default(-1),
});

/** Changes the factor of the rate linearly from `startFactor` to `endFactor` over `totalIters` steps: a warm-up. */
export class LinearLR extends LRScheduler {
  protected readonly startFactor: number;
  protected readonly endFactor: number;
  protected readonly totalIters: number;

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof linearLrOptionsSchema> = {}) {
    const { startFactor, endFactor, totalIters, lastEpoch } = parseOptions("LinearLR", linearLrOptionsSchema, options);
    super(optimizer, lastEpoch);
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.initialStep();
  }

  protected override get onlyScales(): boolean {
    return true;
  }

  protected override lrOf({ lr }: ParamGroup): number {
    const { lastEpoch, startFactor, endFactor, totalIters } = this;
    if (lastEpoch === 0) return lr * startFactor;
    if (lastEpoch > totalIters) return lr;
    const rise = endFactor - startFactor;
    return lr * (1 + rise / (totalIters * startFactor + (lastEpoch - 1) * rise));
  }

  protected override closedFormLrOf(_: ParamGroup, base: number): number {
    const { lastEpoch, startFactor, endFactor, totalIters } = this;
    return base * (startFactor + ((endFactor - startFactor) * Math.min(totalIters, lastEpoch)) / totalIters);
  }
}

export const constantLrOptionsSchema = z.strictObject({
  factor: z
    .number()
    .min(0)
    .max(1)
    .default(1 / 3)
    .describe("factor of the rate before epoch totalIters"),
  totalIters: z.int().min(0).default(5),
  lastEpoch: z.int().default(-1),
});

/** Multiplies the rate by `factor` until step `totalIters`. */
export class ConstantLR extends LRScheduler {
  protected readonly factor: number;
  protected readonly totalIters: number;

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof constantLrOptionsSchema> = {}) {
    const { factor, totalIters, lastEpoch } = parseOptions("ConstantLR", constantLrOptionsSchema, options);
    super(optimizer, lastEpoch);
    this.factor = factor;
    this.totalIters = totalIters;
    this.initialStep();
  }

  protected override get onlyScales(): boolean {
    return true;
  }

  protected override lrOf({ lr }: ParamGroup): number {
    if (this.lastEpoch === 0) return lr * this.factor;
    if (this.lastEpoch !== this.totalIters) return lr;
    if (this.factor !== 0) return lr * (1 / this.factor);
    throw optionError("ConstantLR", "a rate of 0 cannot be divided by factor 0", "use a small factor instead");
  }

  protected override closedFormLrOf(_: ParamGroup, base: number): number {
    return base * (this.factor + (this.lastEpoch >= this.totalIters ? 1 - this.factor : 0));
  }
}
