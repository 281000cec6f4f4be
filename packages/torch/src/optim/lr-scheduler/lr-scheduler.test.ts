import { describe, expect, test } from "vitest";
import type { ParamGroup } from "../param-group.ts";
import {
  ChainedScheduler,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  MultiplicativeLR,
  MultiStepLR,
  OneCycleLR,
  PolynomialLR,
  ReduceLROnPlateau,
  type ScheduledOptimizer,
  type Scheduler,
  SequentialLR,
  StepLR,
} from "./index.ts";

function optimizer(...lrs: number[]): ScheduledOptimizer {
  return { paramGroups: lrs.map((lr): ParamGroup => ({ params: [], lr, momentum: 0.9 })) };
}

const makers: Readonly<Record<string, (o: ScheduledOptimizer) => Scheduler>> = {
  LinearLR: (o) => new LinearLR(o, { startFactor: 0.1, totalIters: 6 }),
  ConstantLR: (o) => new ConstantLR(o, { factor: 0.5, totalIters: 4 }),
  StepLR: (o) => new StepLR(o, { stepSize: 3, gamma: 0.5 }),
  MultiStepLR: (o) => new MultiStepLR(o, { milestones: [2, 5, 5], gamma: 0.3 }),
  ExponentialLR: (o) => new ExponentialLR(o, { gamma: 0.8 }),
  PolynomialLR: (o) => new PolynomialLR(o, { totalIters: 8, power: 2 }),
  CosineAnnealingLR: (o) => new CosineAnnealingLR(o, { tMax: 7, etaMin: 0.01 }),
  LambdaLR: (o) => new LambdaLR(o, { lrLambda: (epoch) => 1 / (1 + epoch) }),
  MultiplicativeLR: (o) => new MultiplicativeLR(o, { lrLambda: () => 0.9 }),
  CosineAnnealingWarmRestarts: (o) => new CosineAnnealingWarmRestarts(o, { t0: 3, tMult: 2, etaMin: 0.01 }),
  CyclicLR: (o) => new CyclicLR(o, { baseLr: 0.01, maxLr: 0.1, stepSizeUp: 3, mode: "exp_range", gamma: 0.9 }),
  OneCycleLR: (o) => new OneCycleLR(o, { maxLr: 1, totalSteps: 14 }),
  SequentialLR: (o) =>
    new SequentialLR(
      o,
      [new LinearLR(o, { startFactor: 0.1, totalIters: 3 }), new CosineAnnealingLR(o, { tMax: 9 })],
      [3],
    ),
  ChainedScheduler: (o) =>
    new ChainedScheduler([new ConstantLR(o, { factor: 0.5, totalIters: 3 }), new ExponentialLR(o, { gamma: 0.9 })]),
  ReduceLROnPlateau: (o) => new ReduceLROnPlateau(o, { patience: 1, factor: 0.5, cooldown: 1 }),
};

const metrics = [5, 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3];

/** The rates of both groups at each epoch, from a scheduler's present position on. */
function ratesOf(o: ScheduledOptimizer, scheduler: Scheduler, from: number, to: number): number[][] {
  return metrics.slice(from, to).map((metric) => {
    const rates = o.paramGroups.flatMap(({ lr, momentum }) => [lr, momentum ?? 0]);
    scheduler instanceof ReduceLROnPlateau ? scheduler.step(metric) : scheduler.step();
    return rates;
  });
}

describe.each(Object.entries(makers))("%s", (name, make) => {
  test("continues after a resume as if it had never stopped", () => {
    const whole = optimizer(0.1, 0.02);
    const uninterrupted = ratesOf(whole, make(whole), 0, 12);
    for (const stop of [0, 1, 3, 4, 8]) {
      const first = optimizer(0.1, 0.02);
      const scheduler = make(first);
      const before = ratesOf(first, scheduler, 0, stop);
      const state = structuredClone(scheduler.stateDict());
      // Optimizers restore their groups, initialLr and momentum among them, from their own state.
      const second = optimizer(0.1, 0.02);
      const resumed = make(second);
      for (const [i, group] of first.paramGroups.entries()) Object.assign(second.paramGroups[i] as ParamGroup, group);
      resumed.loadStateDict(state);
      expect([...before, ...ratesOf(second, resumed, stop, 12)]).toEqual(uninterrupted);
      expect(resumed.getLastLr()).toEqual(second.paramGroups.map(({ lr }) => lr));
    }
  });

  test("scales each group by its own rate", () => {
    if (name === "CyclicLR" || name === "OneCycleLR" || name === "ReduceLROnPlateau") return;
    if (name.startsWith("Cosine")) return;
    const o = optimizer(0.1, 0.02);
    for (const [first, , second] of ratesOf(o, make(o), 0, 8)) {
      expect(first).toBeCloseTo(5 * (second as number), 12);
    }
  });
});

test.each([
  "LinearLR",
  "ConstantLR",
  "StepLR",
  "MultiStepLR",
  "ExponentialLR",
  "PolynomialLR",
  "CosineAnnealingLR",
  "LambdaLR",
  "CosineAnnealingWarmRestarts",
])("%s jumps to an epoch where its steps would have led", (name) => {
  const o = optimizer(0.1);
  const stepped = ratesOf(o, (makers[name] as (o: ScheduledOptimizer) => Scheduler)(o), 0, 8).map(
    ([lr]) => lr as number,
  );
  for (const [epoch, rate] of stepped.entries()) {
    const other = optimizer(0.1);
    (makers[name] as (o: ScheduledOptimizer) => Scheduler)(other).step(epoch);
    expect(other.paramGroups[0]?.lr).toBeCloseTo(rate, 12);
  }
});

test("warm restarts follow the cosine within an epoch", () => {
  const o = optimizer(1);
  const scheduler = new CosineAnnealingWarmRestarts(o, { t0: 4 });
  scheduler.step(5.5);
  expect(scheduler.lastEpoch).toBe(5);
  expect(o.paramGroups[0]?.lr).toBeCloseTo((1 + Math.cos((Math.PI * 1.5) / 4)) / 2, 12);
});

test("a state of PyTorch's is understood", () => {
  const o = optimizer(0.1);
  const scheduler = new CosineAnnealingLR(o, { tMax: 99 });
  const saved = new Map<string, unknown>(
    Object.entries({
      T_max: 25,
      eta_min: 0.5,
      base_lrs: [0.1],
      last_epoch: 3,
      verbose: false,
      _step_count: 4,
      _last_lr: [0.07],
    }),
  );
  scheduler.loadStateDict(saved);
  expect(scheduler.stateDict()).toEqual({
    baseLrs: [0.1],
    lastEpoch: 3,
    stepCount: 4,
    lastLr: [0.07],
    TMax: 25,
    etaMin: 0.5,
  });
});

test("a plateau may be of a metric that should rise, and NaN is no improvement", () => {
  const o = optimizer(1);
  const scheduler = new ReduceLROnPlateau(o, {
    mode: "max",
    patience: 1,
    factor: 0.1,
    thresholdMode: "abs",
    threshold: 0.1,
  });
  for (const metric of [1, 1.05, 1.2, Number.NaN]) scheduler.step(metric);
  expect(o.paramGroups[0]?.lr).toBe(1);
  scheduler.step(Number.NaN);
  expect(o.paramGroups[0]?.lr).toBeCloseTo(0.1, 12);
});

test("what makes no sense is refused with a sentence", () => {
  const o = optimizer(0.1);
  const other = optimizer(0.1);
  expect(() => new StepLR(o, { stepSize: 2, gama: 1 } as never)).toThrow(
    "unknown option 'gama' (did you mean 'gamma'?)",
  );
  expect(() => new StepLR(o, { stepSize: 0 })).toThrow("stepSize");
  expect(() => new StepLR(optimizer(0.1), { stepSize: 1, lastEpoch: 3 })).toThrow("has no initialLr");
  expect(() => new OneCycleLR(o, { maxLr: 1 })).toThrow("its length is missing");
  expect(() => new OneCycleLR(o, { maxLr: [1, 2], totalSteps: 3 })).toThrow("maxLr has 2 values");
  const plain: ScheduledOptimizer = { paramGroups: [{ params: [], lr: 1 }] };
  expect(() => new CyclicLR(plain, { baseLr: 0.1, maxLr: 1 })).toThrow("has neither momentum nor betas");
  expect(() => new SequentialLR(o, [new StepLR(o, { stepSize: 1 })], [3])).toThrow("give 0 milestones");
  expect(() => new SequentialLR(o, [new StepLR(other, { stepSize: 1 })], [])).toThrow("belongs to another optimizer");
  expect(() => new SequentialLR(o, [new ReduceLROnPlateau(o)], [])).toThrow("it needs a metric at each step");
  expect(() => new ChainedScheduler([])).toThrow("at least one scheduler");
  expect(() => new StepLR(o, { stepSize: 1 }).loadStateDict({})).toThrow("the state lacks lastEpoch");
  expect(() => new StepLR(o, { stepSize: 1 }).loadStateDict(3)).toThrow("a state dictionary is expected, not a number");
  const short = new OneCycleLR(optimizer(1), { maxLr: 1, totalSteps: 1 });
  short.step();
  expect(() => short.step()).toThrow("beyond the cycle of 1 steps");
});
