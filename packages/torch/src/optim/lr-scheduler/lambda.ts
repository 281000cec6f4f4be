import { z } from "zod";
import { optionError, parseOptions } from "../options.ts";
import type { ParamGroup } from "../param-group.ts";
import { LRScheduler, type ScheduledOptimizer } from "./scheduler.ts";

/** A factor of the rate by epoch. */
export type LrLambda = (epoch: number) => number;

const lrLambda = z.custom<LrLambda>((value) => typeof value === "function", "expected a function of the epoch");

export const lambdaLrOptionsSchema = z.strictObject({
  lrLambda: z.union([lrLambda, z.array(lrLambda)]).describe("one for all parameter groups, or one for each"),
  lastEpoch: z.int().default(-1),
});

abstract class ByLambda extends LRScheduler {
  protected readonly lambdas: readonly LrLambda[];

  constructor(name: string, optimizer: ScheduledOptimizer, options: z.input<typeof lambdaLrOptionsSchema>) {
    const { lrLambda: given, lastEpoch } = parseOptions(name, lambdaLrOptionsSchema, options);
    const groups = optimizer.paramGroups.length;
    super(optimizer, lastEpoch);
    this.lambdas = Array.isArray(given) ? given : new Array<LrLambda>(groups).fill(given);
    if (this.lambdas.length !== groups) {
      throw optionError(name, `${this.lambdas.length} functions are given for ${groups} parameter groups`);
    }
    this.initialStep();
  }

  protected factorOf(index: number): number {
    return this.lambdas[index]?.(this.lastEpoch) ?? 1;
  }
}

/** Sets the rate to the base rate times a function of the epoch. */
export class LambdaLR extends ByLambda {
  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof lambdaLrOptionsSchema>) {
    super("LambdaLR", optimizer, options);
  }

  protected override lrOf(_: ParamGroup, base: number, index: number): number {
    return base * this.factorOf(index);
  }
}

/** Multiplies the current rate by a function of the epoch. */
export class MultiplicativeLR extends ByLambda {
  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof lambdaLrOptionsSchema>) {
    super("MultiplicativeLR", optimizer, options);
  }

  protected override lrOf({ lr }: ParamGroup, _: number, index: number): number {
    return this.lastEpoch > 0 ? lr * this.factorOf(index) : lr;
  }
}
