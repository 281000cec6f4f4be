import { camelCase } from "@classifier-training/base";
import { z } from "zod";
import { optionError, parseOptions } from "../options.ts";
import type { ParamGroup } from "../param-group.ts";
import { plainState } from "../state.ts";
import { checkHasMomentum, setMomentum } from "./momentum.ts";
import { LRScheduler, perGroup, type ScheduledOptimizer } from "./scheduler.ts";

const numbers = z.union([z.number(), z.array(z.number())]);

export const oneCycleLrOptionsSchema = z.strictObject({
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

  constructor(optimizer: ScheduledOptimizer, options: z.input<typeof oneCycleLrOptionsSchema>) {
    const given = parseOptions("OneCycleLR", oneCycleLrOptionsSchema, options);
    const totalSteps = given.totalSteps ?? (given.epochs ?? Number.NaN) * (given.stepsPerEpoch ?? Number.NaN);
    if (Number.isNaN(totalSteps)) {
      throw optionError("OneCycleLR", "its length is missing", "give totalSteps, or epochs and stepsPerEpoch");
    }
    if (given.divFactor === 0 || given.finalDivFactor === 0) {
      throw optionError("OneCycleLR", "divFactor and finalDivFactor divide the rate: they cannot be 0");
    }
    const groups = optimizer.paramGroups;
    if (given.cycleMomentum) checkHasMomentum("OneCycleLR", optimizer);
    if (given.lastEpoch === -1) {
      const maxLrs = perGroup("OneCycleLR", "maxLr", given.maxLr, groups.length);
      const highest = perGroup("OneCycleLR", "maxMomentum", given.maxMomentum, groups.length);
      const lowest = perGroup("OneCycleLR", "baseMomentum", given.baseMomentum, groups.length);
      for (const [i, group] of groups.entries()) {
        const [maxLr = group.lr, maxMomentum = 0, baseMomentum = 0] = [maxLrs[i], highest[i], lowest[i]];
        const initialLr = maxLr / given.divFactor;
        Object.assign(group, { initialLr, maxLr, minLr: initialLr / given.finalDivFactor });
        if (!given.cycleMomentum) continue;
        setMomentum(group, maxMomentum);
        Object.assign(group, { maxMomentum, baseMomentum });
      }
    }
    super(optimizer, given.lastEpoch);
    this.totalSteps = totalSteps;
    this.annealStrategy = given.annealStrategy;
    this.cycleMomentum = given.cycleMomentum;
    this.phases = phasesOf(totalSteps, given.pctStart, given.threePhase);
    this.initialStep();
  }

  /** Groups bring the bounds of their rates themselves. */
  protected override get onlyScales(): boolean {
    return true;
  }

  protected override lrOf(group: ParamGroup, _: number, groupIndex: number): number {
    if (this.lastEpoch > this.totalSteps) {
      throw optionError("OneCycleLR", `step ${this.lastEpoch} is beyond the cycle of ${this.totalSteps} steps`);
    }
    const current = this.phases.findIndex(({ endStep }) => this.lastEpoch <= endStep);
    const index = current === -1 ? this.phases.length - 1 : current;
    const phase = this.phases[index] as Phase;
    const startStep = this.phases[index - 1]?.endStep ?? 0;
    if (phase.endStep === startStep) {
      throw optionError(
        "OneCycleLR",
        `phase ${index + 1} of the cycle of ${this.totalSteps} steps ends at the step at which it begins`,
        "choose another pctStart, or more steps",
      );
    }
    const done = (this.lastEpoch - startStep) / (phase.endStep - startStep);
    const bound = (name: string): number => {
      const value = group[name];
      if (typeof value === "number") return value;
      throw optionError(
        "OneCycleLR",
        `parameter group ${groupIndex} joined after the scheduler was made: it has no ${name}`,
        "give it initialLr, maxLr and minLr (and maxMomentum, baseMomentum with cycleMomentum)",
      );
    };
    const between = ([from, to]: readonly [string, string]) =>
      anneal[this.annealStrategy](bound(from), bound(to), done);
    if (this.cycleMomentum) setMomentum(group, between(phase.momentum));
    return between(phase.lr);
  }

  /** PyTorch's phases are dictionaries with other names. */
  protected override translateState(given: Record<string, unknown>): Record<string, unknown> {
    const { schedulePhases, annealFuncType, ...state } = given;
    if (!Array.isArray(schedulePhases)) return given;
    const phases = schedulePhases.map(plainState).map((phase) => ({
      endStep: phase["endStep"],
      lr: [phase["startLr"], phase["endLr"]].map((name) => camelCase(String(name))),
      momentum: [phase["startMomentum"], phase["endMomentum"]].map((name) => camelCase(String(name ?? "maxMomentum"))),
    }));
    return { ...state, annealStrategy: annealFuncType ?? this.annealStrategy, phases };
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
