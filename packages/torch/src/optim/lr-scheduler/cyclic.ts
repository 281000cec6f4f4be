import { z } from "zod";
import { parseOptions } from "../options.ts";
import type { ParamGroup } from "../param-group.ts";
import { stateError } from "../state.ts";
import { checkHasMomentum, setMomentum } from "./momentum.ts";
import { LRScheduler, perGroup, type ScheduledOptimizer } from "./scheduler.ts";

const numbers = z.union([z.number(), z.array(z.number())]);
const scaleFn = z.custom<(x: number) => number>((value) => typeof value === "function", "expected a function");

export const cyclicLrOptionsSchema = z.strictObject({
  baseLr: numbers.describe("lowest rate, one for all groups or one each"),
  maxLr: numbers.describe("highest rate of the first cycle"),
  stepSizeUp: z.number().gt(0).default(2000).describe("steps in which the rate rises"),
  stepSizeDown: z.number().min(0).nullish().describe("steps in which it falls; as many by default"),
  mode: z.enum(["triangular", "triangular2", "exp_range"]).default("triangular"),
  gamma: z.number().default(1).describe("base of the decay of exp_range"),
  scaleFn: scaleFn.nullish().describe("a custom scaling of the amplitude, instead of mode"),
  scaleMode: z.enum(["cycle", "iterations"]).default("cycle").describe("what scaleFn is a function of"),
  cycleMomentum: z.boolean().default(true),
  baseMomentum: numbers.default(0.8),
  maxMomentum: numbers.default(0.9),
  lastEpoch: z.int().default(-1),
});

/** A rate that goes up and down between two bounds, stepped once a batch (Smith, "Cyclical Learning Rates", 2017). */
export class CyclicLR extends LRScheduler {
  protected readonly maxLrs: readonly number[];
  protected readonly totalSize: number;
  protected readonly stepRatio: number;
  protected readonly momenta: readonly (readonly [lowest: number, highest: number])[] | undefined;
  readonly #options: { readonly mode: string; readonly gamma: number };
  readonly #scale: () => number;

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof cyclicLrOptionsSchema>) {
    const given = parseOptions("CyclicLR", cyclicLrOptionsSchema, options);
    const groups = optimizer.paramGroups;
    const each = (option: "baseLr" | "maxLr" | "baseMomentum" | "maxMomentum") =>
      perGroup("CyclicLR", option, given[option], groups.length);
    const baseLrs = each("baseLr");
    const highest = each("maxMomentum");
    if (given.cycleMomentum) checkHasMomentum("CyclicLR", optimizer);
    if (given.lastEpoch === -1) {
      for (const [i, group] of groups.entries()) {
        group.lr = baseLrs[i] ?? group.lr;
        const momentum = highest[i];
        if (given.cycleMomentum && momentum !== undefined) setMomentum(group, momentum);
      }
    }
    super(optimizer, given.lastEpoch);
    this.baseLrs = baseLrs;
    this.maxLrs = each("maxLr");
    this.totalSize = given.stepSizeUp + (given.stepSizeDown ?? given.stepSizeUp);
    this.stepRatio = given.stepSizeUp / this.totalSize;
    const lowest = each("baseMomentum");
    this.momenta = given.cycleMomentum ? lowest.map((low, i) => [low, highest[i] ?? low]) : undefined;
    const { mode, gamma, scaleFn: ownScale, scaleMode } = given;
    this.#options = { mode, gamma };
    this.#scale = () => {
      if (ownScale) return ownScale(scaleMode === "cycle" ? this.#cycle() : this.lastEpoch);
      if (mode === "triangular") return 1;
      return mode === "triangular2" ? 1 / 2 ** (this.#cycle() - 1) : gamma ** this.lastEpoch;
    };
    this.initialStep();
  }

  #cycle(): number {
    return Math.floor(1 + this.lastEpoch / this.totalSize);
  }

  protected override lrOf(group: ParamGroup, base: number, index: number): number {
    const x = 1 + this.lastEpoch / this.totalSize - this.#cycle();
    const height = x <= this.stepRatio ? x / this.stepRatio : (x - 1) / (this.stepRatio - 1);
    const momenta = this.momenta?.[index];
    if (momenta) setMomentum(group, momenta[1] - (momenta[1] - momenta[0]) * height * this.#scale());
    return base + ((this.maxLrs[index] ?? base) - base) * height * this.#scale();
  }

  /** PyTorch keeps the bounds of the momentum in two lists, and the options in the state. */
  protected override translateState(given: Record<string, unknown>): Record<string, unknown> {
    if (given["mode"] === undefined) return given;
    const { baseMomentums, maxMomentums, mode, gamma, scaleMode: _, cycleMomentum: __, ...state } = given;
    if (mode !== this.#options.mode || gamma !== this.#options.gamma) {
      const { mode: own, gamma: ownGamma } = this.#options;
      throw stateError("CyclicLR", `the state is of mode ${mode}, gamma ${gamma}; expected ${own}, gamma ${ownGamma}`);
    }
    if (!Array.isArray(baseMomentums) || !Array.isArray(maxMomentums)) return state;
    return { ...state, momenta: baseMomentums.map((low, i) => [low, maxMomentums[i]]) };
  }
}
