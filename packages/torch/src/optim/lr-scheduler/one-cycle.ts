import { z } from "zod";
import { optionError, parseOptions } from "../options.ts";
import type { ParamGroup } from "../param-group.ts";
import { checkHasMomentum, setMomentum } from "./momentum.ts";
import { LRScheduler, perGroup, type ScheduledOptimizer } from "./scheduler.ts";

const numbers = z.union([z.number(), z.array(z.number())]);

export const oneCycleLrSchema = z.strictObject({
  maxLr: numbers.describe("highest rate, one for all groups or one each"),
  totalSteps: z.int().min(1).nullish().describe("steps of the cycle; or give epochs and stepsPerEpoch"),
  epochs: z.int().min(1).nullish(),
  stepsPerEpoch: z.int().min(1).nullish(),
  pctStart: z.number().min(0).max(1).default(0.3).describe("fraction of the cycle in which the rate rises"),
  annealStrategy: z.enum(["cos", "linear"]).default("cos"),
  cycleMomentum: z.boolean().default(true).describe("move momentum against the rate"),
  baseMomentum: numbers.default(0.85),
  maxMomentum: numbers.default(0.95),
  divFactor: z.number().default(25).describe("maxLr / divFactor is the first rate"),
  finalDivFactor: z.number().default(1e4).describe("first rate / finalDivFactor is the last one"),
  threePhase: z.boolean().default(false).describe("fall back to the first rate before the final descent"),
  lastEpoch: z.int().default(-1),
});

interface Phase {
  readonly endStep: number;
  readonly lr: readonly [from: Level, to: Level];
  readonly momentum: readonly [from: MomentumLevel, to: MomentumLevel];
}
type Level = "initialLr" | "maxLr" | "minLr";
type MomentumLevel = "maxMomentum" | "baseMomentum";

/** One rise and one fall of the rate, stepped once a batch (Smith and Topin, "Super-Convergence", 2018). */
export class OneCycleLR extends LRScheduler {
  protected readonly totalSteps: number;
  protected readonly annealStrategy: "cos" | "linear";
  protected readonly cycleMomentum: boolean;
  protected readonly phases: readonly Phase[];

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof oneCycleLrSchema>) {
    const given = parseOptions("OneCycleLR", oneCycleLrSchema, options);
    const totalSteps = given.totalSteps ?? (given.epochs ?? Number.NaN) * (given.stepsPerEpoch ?? Number.NaN);
    if (Number.isNaN(totalSteps)) {
      throw optionError("OneCycleLR", "its length is missing", "give totalSteps, or epochs and stepsPerEpoch");
    }
    const groups = optimizer.paramGroups;
    if (given.cycleMomentum) checkHasMomentum("OneCycleLR", optimizer);
    if (given.lastEpoch === -1) {
      const maxLrs = perGroup("OneCycleLR", "maxLr", given.maxLr, groups.length);
      const highest = perGroup("OneCycleLR", "maxMomentum", given.maxMomentum, groups.length);
      const lowest = perGroup("OneCycleLR", "baseMomentum", given.baseMomentum, groups.length);
      for (const [i, group] of groups.entries()) {
        const initialLr = (maxLrs[i] as number) / given.divFactor;
        Object.assign(group, { initialLr, maxLr: maxLrs[i], minLr: initialLr / given.finalDivFactor });
        if (!given.cycleMomentum) continue;
        setMomentum(group, highest[i] as number);
        Object.assign(group, { maxMomentum: highest[i], baseMomentum: lowest[i] });
      }
    }
    super(optimizer, given.lastEpoch);
    this.totalSteps = totalSteps;
    this.annealStrategy = given.annealStrategy;
    this.cycleMomentum = given.cycleMomentum;
    this.phases = phasesOf(totalSteps, given.pctStart, given.threePhase);
    this.initialStep();
  }

  protected override lrOf(group: ParamGroup): number {
    if (this.lastEpoch > this.totalSteps) {
      throw optionError("OneCycleLR", `step ${this.lastEpoch} is beyond the cycle of ${this.totalSteps} steps`);
    }
    const current = this.phases.findIndex(({ endStep }) => this.lastEpoch <= endStep);
    const index = current === -1 ? this.phases.length - 1 : current;
    const phase = this.phases[index] as Phase;
    const startStep = this.phases[index - 1]?.endStep ?? 0;
    const done = (this.lastEpoch - startStep) / (phase.endStep - startStep);
    const between = ([from, to]: readonly [string, string]) =>
      anneal[this.annealStrategy](group[from] as number, group[to] as number, done);
    if (this.cycleMomentum) setMomentum(group, between(phase.momentum));
    return between(phase.lr);
  }
}

const anneal = {
  cos: (from: number, to: number, done: number) => to + ((from - to) / 2) * (Math.cos(Math.PI * done) + 1),
  linear: (from: number, to: number, done: number) => (to - from) * done + from,
};

function phasesOf(totalSteps: number, pctStart: number, threePhase: boolean): Phase[] {
  const rise: Phase = {
    endStep: pctStart * totalSteps - 1,
    lr: ["initialLr", "maxLr"],
    momentum: ["maxMomentum", "baseMomentum"],
  };
  const endStep = totalSteps - 1;
  if (!threePhase) return [rise, { endStep, lr: ["maxLr", "minLr"], momentum: ["baseMomentum", "maxMomentum"] }];
  return [
    rise,
    { endStep: 2 * pctStart * totalSteps - 2, lr: ["maxLr", "initialLr"], momentum: ["baseMomentum", "maxMomentum"] },
    { endStep, lr: ["initialLr", "minLr"], momentum: ["maxMomentum", "maxMomentum"] },
  ];
}
