import { describe, expect, test } from "vitest";
import { tensor } from "../../index.ts";
import type { ParamGroup } from "../param-group.ts";
import {
  ChainedScheduler,
  ConstantLR,
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  CosineLRScheduler,
  CyclicLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  LinearWarmupCosineAnnealingLR,
  MultiplicativeLR,
  MultiStepLR,
  MultiStepLRScheduler,
  OneCycleLR,
  PolyLRScheduler,
  PolynomialLR,
  ReduceLROnPlateau,
  type ScheduledOptimizer,
  type Scheduler,
  SequentialLR,
  StepLR,
  StepLRScheduler,
  TanhLRScheduler,
  WarmupSchedule,
} from "./index.ts";

function optimizer(...lrs: number[]): ScheduledOptimizer {
  return { paramGroups: lrs.map((lr): ParamGroup => ({ params: [], lr, momentum: 0.9 })) };
}

type Make = (o: ScheduledOptimizer) => Scheduler;
const steps = { numWarmupSteps: 2, numTrainingSteps: 8 };

/** Schedules of other packages, each with what it gave there for rates of 0.1 and 0.02: timm 1.0, Lightning Bolts 0.7,
 *  and the formulas of transformers 4.57. */
const recorded: Readonly<Record<string, readonly [make: Make, first: readonly number[], second: readonly number[]]>> = {
  CosineLRScheduler: [
    (o) => new CosineLRScheduler(o, { tInitial: 8, lrMin: 0.001, warmupT: 2, warmupLrInit: 0.005 }),
    [0.005, 0.0525, 0.0855017857, 0.0694428299, 0.0505, 0.0315571701, 0.0154982143, 0.0047679631, 0.001],
    [0.005, 0.0125, 0.0172175144, 0.0141354926, 0.0105, 0.0068645074, 0.0037824856, 0.0017231444, 0.001],
  ],
  "CosineLRScheduler with restarts": [
    (o) =>
      new CosineLRScheduler(o, {
        ...{ tInitial: 2, cycleMul: 2, cycleDecay: 0.5, cycleLimit: 2, kDecay: 1.5, warmupT: 1, warmupPrefix: true },
      }),
    [0.0, 0.1, 0.072200792, 0.05, 0.0480969883, 0.036100396, 0.0136839069, 0.0, 0.0],
    [0.0, 0.02, 0.0144401584, 0.01, 0.0096193977, 0.0072200792, 0.0027367814, 0.0, 0.0],
  ],
  PolyLRScheduler: [
    (o) => new PolyLRScheduler(o, { tInitial: 6, power: 2, lrMin: 0.001, warmupT: 2 }),
    [0.0, 0.05, 0.045, 0.02575, 0.012, 0.00375, 0.001, 0.001, 0.001],
    [0.0, 0.01, 0.0094444444, 0.00575, 0.0031111111, 0.0015277778, 0.001, 0.001, 0.001],
  ],
  TanhLRScheduler: [
    (o) => new TanhLRScheduler(o, { tInitial: 6, lrMin: 0.001, warmupT: 2 }),
    [0.0, 0.0499676782, 0.0999353564, 0.0982193652, 0.0664148805, 0.0074319477, 0.001, 0.001, 0.001],
    [0.0, 0.0099937968, 0.0199875937, 0.019658262, 0.013554371, 0.0022344142, 0.001, 0.001, 0.001],
  ],
  StepLRScheduler: [
    (o) => new StepLRScheduler(o, { decayT: 3, decayRate: 0.1, warmupT: 2 }),
    [0.0, 0.05, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001],
    [0.0, 0.01, 0.02, 0.02, 0.02, 0.002, 0.002, 0.002, 0.0002],
  ],
  MultiStepLRScheduler: [
    (o) => new MultiStepLRScheduler(o, { decayT: [3, 5], decayRate: 0.1, warmupT: 1 }),
    [0.0, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.001, 0.001],
    [0.0, 0.02, 0.02, 0.002, 0.002, 0.0002, 0.0002, 0.0002, 0.0002],
  ],
  LinearWarmupCosineAnnealingLR: [
    (o) =>
      new LinearWarmupCosineAnnealingLR(o, { warmupEpochs: 3, maxEpochs: 8, warmupStartLr: 0.001, etaMin: 0.0005 }),
    [0.001, 0.0505, 0.1, 0.1, 0.0904985955, 0.0656235955, 0.0348764045, 0.0100014045, 0.0005],
    [0.001, 0.0105, 0.02, 0.02, 0.0181379157, 0.0132629157, 0.0072370843, 0.0023620843, 0.0005],
  ],
  get_constant_schedule_with_warmup: [
    (o) => new WarmupSchedule(o, "constant_with_warmup", { numWarmupSteps: 3 }),
    [0.0, 0.0333333333, 0.0666666667, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
    [0.0, 0.0066666667, 0.0133333333, 0.02, 0.02, 0.02, 0.02, 0.02, 0.02],
  ],
  get_linear_schedule_with_warmup: [
    (o) => new WarmupSchedule(o, "linear", steps),
    [0.0, 0.05, 0.1, 0.0833333333, 0.0666666667, 0.05, 0.0333333333, 0.0166666667, 0.0],
    [0.0, 0.01, 0.02, 0.0166666667, 0.0133333333, 0.01, 0.0066666667, 0.0033333333, 0.0],
  ],
  get_cosine_schedule_with_warmup: [
    (o) => new WarmupSchedule(o, "cosine", steps),
    [0.0, 0.05, 0.1, 0.0933012702, 0.075, 0.05, 0.025, 0.0066987298, 0.0],
    [0.0, 0.01, 0.02, 0.018660254, 0.015, 0.01, 0.005, 0.001339746, 0.0],
  ],
  get_cosine_with_hard_restarts_schedule_with_warmup: [
    (o) => new WarmupSchedule(o, "cosine_with_restarts", { ...steps, numCycles: 2 }),
    [0.0, 0.05, 0.1, 0.075, 0.025, 0.1, 0.075, 0.025, 0.0],
    [0.0, 0.01, 0.02, 0.015, 0.005, 0.02, 0.015, 0.005, 0.0],
  ],
  get_polynomial_decay_schedule_with_warmup: [
    (o) => new WarmupSchedule(o, "polynomial", { ...steps, numTrainingSteps: 7, lrEnd: 0.001, power: 2 }),
    [0.0, 0.05, 0.1, 0.06436, 0.03664, 0.01684, 0.00496, 0.001, 0.001],
    [0.0, 0.01, 0.02, 0.012872, 0.007328, 0.003368, 0.000992, 0.0002, 0.0002],
  ],
  get_cosine_with_min_lr_schedule_with_warmup: [
    (o) => new WarmupSchedule(o, "cosine_with_min_lr", { ...steps, minLrRate: 0.1 }),
    [0.0, 0.05, 0.1, 0.0939711432, 0.0775, 0.055, 0.0325, 0.0160288568, 0.01],
    [0.0, 0.01, 0.02, 0.0187942286, 0.0155, 0.011, 0.0065, 0.0032057714, 0.002],
  ],
  get_inverse_sqrt_schedule: [
    (o) => new WarmupSchedule(o, "inverse_sqrt", { numWarmupSteps: 2 }),
    [0.0, 0.05, 0.1, 0.0816496581, 0.0707106781, 0.0632455532, 0.0577350269, 0.0534522484, 0.05],
    [0.0, 0.01, 0.02, 0.0163299316, 0.0141421356, 0.0126491106, 0.0115470054, 0.0106904497, 0.01],
  ],
};

test.each(Object.entries(recorded))("%s gives the rates of its package", (_name, [make, ...expected]) => {
  const o = { ...optimizer(0.1, 0.02), defaults: { lr: 0.1 } };
  const scheduler = make(o);
  for (let epoch = 0; epoch < 9; epoch++) {
    for (const [i, group] of o.paramGroups.entries()) expect(group.lr).toBeCloseTo(expected[i]?.[epoch] as number, 9);
    scheduler.step();
  }
});

const makers: Readonly<Record<string, Make>> = {
  ...Object.fromEntries(Object.entries(recorded).map(([name, [make]]) => [name, make])),
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

  // The others have bounds that are the same for all groups.
  if (!/^(CyclicLR|OneCycleLR|ReduceLROnPlateau|Cosine.*|PolyLR.*|TanhLR.*|LinearWarmup.*)$/.test(name)) {
    test("scales each group by its own rate", () => {
      const o = optimizer(0.1, 0.02);
      for (const [first, , second] of ratesOf(o, make(o), 0, 8)) {
        expect(first).toBeCloseTo(5 * (second as number), 12);
      }
    });
  }
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

/** What PyTorch's classes save, beside `base_lrs`, `last_epoch`, `_step_count`, `_last_lr`. */
const pythonStates: Readonly<Record<string, Record<string, unknown>>> = {
  LinearLR: { start_factor: 0.1, end_factor: 1, total_iters: 6 },
  ConstantLR: { factor: 0.5, total_iters: 4 },
  StepLR: { step_size: 3, gamma: 0.5 },
  MultiStepLR: {
    milestones: new Map([
      [2, 1],
      [5, 2],
    ]),
    gamma: 0.3,
  },
  ExponentialLR: { gamma: 0.8 },
  PolynomialLR: { total_iters: 8, power: 2 },
  CosineAnnealingLR: { T_max: 7, eta_min: 0.01 },
  LambdaLR: { lr_lambdas: [null] },
  MultiplicativeLR: { lr_lambdas: [null] },
  CosineAnnealingWarmRestarts: { T_0: 3, T_i: 6, T_mult: 2, eta_min: 0.01, T_cur: 1 },
  CyclicLR: {
    ...{ max_lrs: [0.1, 0.1], total_size: 6, step_ratio: 0.5, mode: "exp_range", gamma: 0.9 },
    ...{ _scale_fn_ref: null, _scale_fn_custom: null, scale_mode: "iterations", cycle_momentum: true },
    ...{ use_beta1: false, base_momentums: [0.8, 0.8], max_momentums: [0.9, 0.9] },
  },
  OneCycleLR: {
    ...{ total_steps: 14, _anneal_func_type: "cos", cycle_momentum: true, use_beta1: false },
    _schedule_phases: [
      {
        end_step: 0.3 * 14 - 1,
        start_lr: "initial_lr",
        end_lr: "max_lr",
        start_momentum: "max_momentum",
        end_momentum: "base_momentum",
      },
      {
        end_step: 13,
        start_lr: "max_lr",
        end_lr: "min_lr",
        start_momentum: "base_momentum",
        end_momentum: "max_momentum",
      },
    ],
  },
  ReduceLROnPlateau: {
    ...{ factor: 0.5, min_lrs: [0, 0], patience: 1, cooldown: 1, eps: 1e-8, mode: "min", threshold: 1e-4 },
    ...{ threshold_mode: "rel", best: tensor(3), num_bad_epochs: 1, mode_worse: Infinity, cooldown_counter: 0 },
  },
};

/** The state that PyTorch's scheduler would have in the place of ours. */
function pythonState(name: string, scheduler: Scheduler): Map<string, unknown> {
  const { lastEpoch, stepCount, lastLr, baseLrs } = scheduler.stateDict();
  const common = {
    last_epoch: lastEpoch,
    _last_lr: (lastLr as number[]).map((lr) => tensor(lr, { dtype: "float64" })),
  };
  const counted = { base_lrs: baseLrs, _step_count: stepCount, verbose: false, _get_lr_called_within_step: false };
  const rest = name === "ReduceLROnPlateau" ? common : { ...common, ...counted, _is_initial: false };
  return new Map<string, unknown>(Object.entries({ ...rest, ...pythonStates[name] }));
}

test.each(Object.keys(pythonStates))(
  "%s takes the state of PyTorch's, and refuses all others by their keys",
  (name) => {
    const maker = (other: string) => makers[other] as (o: ScheduledOptimizer) => Scheduler;
    const o = optimizer(0.1, 0.02);
    const scheduler = maker(name)(o);
    ratesOf(o, scheduler, 0, 4);
    const fresh = optimizer(0.1, 0.02);
    const resumed = maker(name)(fresh);
    resumed.loadStateDict(pythonState(name, scheduler));
    const state = resumed.stateDict();
    const counters = { best: 3, numBadEpochs: 1, cooldownCounter: 0 };
    expect(state).toEqual({ ...scheduler.stateDict(), ...(name === "ReduceLROnPlateau" ? counters : {}) });
    for (const other of Object.keys(makers)) {
      if (other === name || (name === "LambdaLR" && other === "MultiplicativeLR")) continue;
      if (name === "MultiplicativeLR" && other === "LambdaLR") continue;
      const another = maker(other)(optimizer(0.1, 0.02));
      expect(() => resumed.loadStateDict(another.stateDict()), other).toThrow(/the state (lacks|has)|expected/);
    }
    const broken = { ...state, lastEpoch: Number.NaN };
    expect(() => resumed.loadStateDict(broken)).toThrow("lastEpoch: expected number");
    expect(resumed.stateDict()).toEqual(state);
  },
);

test("a state whose second part does not fit changes nothing", () => {
  const [from, to] = [optimizer(0.1), optimizer(0.1)];
  const chain = (o: ScheduledOptimizer, last: Scheduler) =>
    new ChainedScheduler([new ExponentialLR(o, { gamma: 0.5 }), last]);
  const target = chain(to, new StepLR(to, { stepSize: 2 }));
  const before = target.stateDict();
  const source = chain(from, new PolynomialLR(from));
  source.step();
  expect(() => target.loadStateDict(source.stateDict())).toThrow("StepLR: the state lacks stepSize, gamma");
  expect(target.stateDict()).toEqual(before);
});

test("a state of more parameter groups is refused", () => {
  const [two, one] = [optimizer(0.1, 0.2), optimizer(0.1)];
  const { ...state } = new StepLR(two, { stepSize: 2 }).stateDict();
  expect(() => new StepLR(one, { stepSize: 2 }).loadStateDict(state)).toThrow("the state is of 2 parameter groups");
});

describe("a parameter group that joins after the scheduler was made", () => {
  const scaled = new Set(["LinearLR", "ConstantLR", "StepLR", "MultiStepLR", "ExponentialLR", "PolynomialLR"]);

  test.each(Object.keys(makers).filter((name) => name !== "OneCycleLR"))("keeps a rate under %s", (name) => {
    const o = optimizer(0.1);
    const scheduler = (makers[name] as (o: ScheduledOptimizer) => Scheduler)(o);
    const alone = optimizer(0.1);
    const undisturbed = ratesOf(alone, (makers[name] as (o: ScheduledOptimizer) => Scheduler)(alone), 0, 12);
    const before = ratesOf(o, scheduler, 0, 1);
    o.paramGroups.push({ params: [], lr: 0.02, momentum: 0.5 });
    const after = ratesOf(o, scheduler, 1, 12);
    expect([...before, ...after.map((rates) => rates.slice(0, 2))]).toEqual(undisturbed);
    const joined = after.map(([, , lr]) => lr as number);
    // As in PyTorch: what starts from a base rate leaves the group alone, what multiplies multiplies it too.
    if (scaled.has(name)) expect(joined.at(-1)).toBeCloseTo((0.02 * undisturbed[11]![0]!) / undisturbed[1]![0]!, 12);
    else if (!/Sequential|Chained|Plateau/.test(name)) expect(joined).toEqual(joined.map(() => 0.02));
    expect(joined.every((lr) => lr >= 0 && lr <= 0.1)).toBe(true);
    expect(scheduler.getLastLr()).toHaveLength(2);
    scheduler.loadStateDict(structuredClone(scheduler.stateDict()));
  });

  test("has to bring the bounds of a one-cycle schedule", () => {
    const o = optimizer(0.1);
    const scheduler = new OneCycleLR(o, { maxLr: 1, totalSteps: 14 });
    o.paramGroups.push({ params: [], lr: 0.02, momentum: 0.5 });
    expect(() => scheduler.step()).toThrow(
      "parameter group 1 joined after the scheduler was made: it has no maxMomentum",
    );
    Object.assign(o.paramGroups[1] as ParamGroup, {
      initialLr: 0.04,
      maxLr: 1,
      minLr: 1e-4,
      maxMomentum: 0.95,
      baseMomentum: 0.85,
    });
    scheduler.step();
    expect(o.paramGroups.every(({ lr }) => lr > 0.04)).toBe(true);
  });

  test("needs a lowest rate of its own on a plateau that lists them", () => {
    const o = optimizer(0.1);
    const scheduler = new ReduceLROnPlateau(o, { patience: 0, minLr: [0.01] });
    o.paramGroups.push({ params: [], lr: 0.02 });
    scheduler.step(1);
    expect(() => scheduler.step(2)).toThrow("minLr has 1 values, the optimizer has 2 parameter groups");
  });
});

test.each<[string, (o: ScheduledOptimizer) => unknown, string]>([
  [
    "a one-cycle without a rise",
    (o) => new OneCycleLR(o, { maxLr: 1, totalSteps: 10, pctStart: 0.1 }),
    "phase 1 of the cycle",
  ],
  ["a one-cycle divided by 0", (o) => new OneCycleLR(o, { maxLr: 1, totalSteps: 10, divFactor: 0 }), "cannot be 0"],
  [
    "a one-cycle that ends at 1/0",
    (o) => new OneCycleLR(o, { maxLr: 1, totalSteps: 10, finalDivFactor: 0 }),
    "cannot be 0",
  ],
  ["a one-cycle of no steps", (o) => new OneCycleLR(o, { maxLr: 1, totalSteps: 0 }), "totalSteps"],
  ["no epochs of cosine", (o) => new CosineAnnealingLR(o, { tMax: 0 }), "tMax"],
  ["a first restart at once", (o) => new CosineAnnealingWarmRestarts(o, { t0: 0 }), "t0"],
  ["cycles of no steps", (o) => new CyclicLR(o, { baseLr: 0.1, maxLr: 1, stepSizeUp: 0 }), "stepSizeUp"],
  ["a warm-up of no steps", (o) => new LinearLR(o, { totalIters: 0 }), "totalIters"],
  [
    "a constant factor of 0",
    (o) => new ConstantLR(o, { factor: 0, totalIters: 1 }).step(),
    "cannot be divided by factor 0",
  ],
  [
    "a polynomial with a pole",
    (o) => new PolynomialLR(o, { totalIters: 1, power: -1 }).step(),
    "at epoch 1 is Infinity",
  ],
  ["a function that is not a number", (o) => new LambdaLR(o, { lrLambda: (epoch) => 0 / epoch }), "at epoch 0 is NaN"],
])("division by zero is an error: %s", (_, make, message) => {
  const o = optimizer(0.1);
  expect(() => make(o)).toThrow(message);
  expect(Number.isFinite(o.paramGroups[0]?.lr)).toBe(true);
});

test("a plateau may be of a metric that should rise, and NaN is not an improvement", () => {
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
    "StepLR: unknown option 'gama'\n  fix: did you mean 'gamma'?",
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
  expect(() => new StepLR(o, { stepSize: 1 }).loadStateDict({})).toThrow(/the state lacks .*lastEpoch/);
  expect(() => new StepLR(o, { stepSize: 1 }).loadStateDict(3)).toThrow(
    "expected a state dictionary, received number 3",
  );
  const short = new OneCycleLR(optimizer(1), { maxLr: 1, totalSteps: 1 });
  short.step();
  expect(() => short.step()).toThrow("beyond the cycle of 1 steps");
});
