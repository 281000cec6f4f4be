import {
  type ForeignOption,
  optionsTarget,
  refusedTarget,
  type Target,
  type TargetTable,
  withForeignOptions,
} from "@classifier-training/base";
import { z } from "zod";
import { cosineAnnealingLrOptionsSchema, cosineAnnealingWarmRestartsOptionsSchema } from "./cosine.ts";
import { cyclicLrOptionsSchema } from "./cyclic.ts";
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
  type WarmupScheduleKind,
} from "./index.ts";
import { lambdaLrOptionsSchema } from "./lambda.ts";
import { oneCycleLrOptionsSchema } from "./one-cycle.ts";
import { reduceLrOnPlateauOptionsSchema } from "./plateau.ts";
import {
  exponentialLrOptionsSchema,
  multiStepLrOptionsSchema,
  polynomialLrOptionsSchema,
  stepLrOptionsSchema,
} from "./step.ts";
import * as timm from "./timm.ts";
import { constantLrOptionsSchema, linearLrOptionsSchema } from "./warm-up.ts";
import { linearWarmupCosineAnnealingLrOptionsSchema, warmupScheduleOptions } from "./with-warm-up.ts";

const optimizer = z.custom<ScheduledOptimizer>(
  (value) => Array.isArray((value as ScheduledOptimizer | null)?.paramGroups),
  "expected an optimizer (write _partial_: true where it is created later)",
);
const scheduler = z.custom<Scheduler>(
  (value) => typeof (value as Scheduler | null)?.getLastLr === "function",
  "expected a learning-rate scheduler",
);

/** A scheduler's target: `optimizer` first, then the options of its schema in PyTorch's order. */
function schedulerTarget<Schema extends z.ZodObject>(
  schema: Schema,
  make: (optimizer: ScheduledOptimizer, options: z.infer<Schema>) => unknown,
): Target {
  const whole = z.strictObject({ optimizer, ...schema.shape });
  return withPythonNames(
    optionsTarget(whole, (given) => {
      const { optimizer: first, ...options } = given as { optimizer: ScheduledOptimizer };
      return make(first, options as z.infer<Schema>);
    }),
  );
}

/** PyTorch's capitals, which no rule maps to camelCase, and `verbose`, which printed each change. */
const pytorchNames: Readonly<Record<string, ForeignOption>> = {
  T_max: { means: "t_max" },
  T_0: { means: "t0" },
  T_mult: { means: "t_mult" },
  verbose: {},
};

function withPythonNames(target: Target): Target {
  const takes = (option: string | undefined) => option === undefined || target.optionNames?.includes(option);
  const names = Object.entries(pytorchNames).filter(([, { means }]) => takes(means));
  return withForeignOptions(target, Object.fromEntries(names));
}

/** Schedulers of the same optimizer: made already, or partials that still want it. */
const parts = z.array(z.union([scheduler, z.custom<(o: ScheduledOptimizer) => Scheduler>(isFunction, "")]));
type Parts = z.infer<typeof parts>;

function isFunction(value: unknown): boolean {
  return typeof value === "function";
}

function made(given: Parts, o: ScheduledOptimizer): Scheduler[] {
  return given.map((part) => (typeof part === "function" ? part(o) : part));
}

const sequentialOptionsSchema = z.strictObject({
  schedulers: parts,
  milestones: z.array(z.int()),
  lastEpoch: z.int().default(-1),
});
const chainedOptionsSchema = z.strictObject({ schedulers: parts, optimizer: optimizer.optional() });

/** timm's noise is made by PyTorch's generator of another seed at each epoch. */
const noise = { accepts: (value: unknown) => value === null, fix: "leave out noise_range_t" };
const timmOptions: Readonly<Record<string, ForeignOption>> = {
  noise_range_t: noise,
  ...{ noise_pct: {}, noise_std: {}, noise_seed: {}, noise_type: {} },
  initialize: { accepts: (value) => value === true, fix: "leave out initialize" },
};

function timmTarget<Schema extends z.ZodObject>(
  schema: Schema,
  make: (optimizer: ScheduledOptimizer, options: z.infer<Schema>) => unknown,
): Target {
  return withForeignOptions(schedulerTarget(schema, make), timmOptions);
}

const timmTargets: TargetTable = {
  "timm.scheduler.CosineLRScheduler": timmTarget(
    timm.cosineLrSchedulerOptionsSchema,
    (o, options) => new CosineLRScheduler(o, options),
  ),
  "timm.scheduler.PolyLRScheduler": timmTarget(
    timm.polyLrSchedulerOptionsSchema,
    (o, options) => new PolyLRScheduler(o, options),
  ),
  "timm.scheduler.TanhLRScheduler": timmTarget(
    timm.tanhLrSchedulerOptionsSchema,
    (o, options) => new TanhLRScheduler(o, options),
  ),
  "timm.scheduler.StepLRScheduler": timmTarget(
    timm.stepLrSchedulerOptionsSchema,
    (o, options) => new StepLRScheduler(o, options),
  ),
  "timm.scheduler.MultiStepLRScheduler": timmTarget(
    timm.multiStepLrSchedulerOptionsSchema,
    (o, options) => new MultiStepLRScheduler(o, options),
  ),
  "timm.scheduler.PlateauLRScheduler": refusedTarget(
    "timm.scheduler.PlateauLRScheduler is not built in",
    "use torch.optim.lr_scheduler.ReduceLROnPlateau",
  ),
  "timm.scheduler.create_scheduler_v2": refusedTarget(
    "timm.scheduler.create_scheduler_v2 is not built in: it reads the options of a training script",
    "name a class, such as timm.scheduler.CosineLRScheduler",
  ),
};

/** `transformers`' functions by what they are kinds of. */
const transformersNames: Readonly<Record<string, WarmupScheduleKind>> = {
  get_constant_schedule: "constant",
  get_constant_schedule_with_warmup: "constant_with_warmup",
  get_linear_schedule_with_warmup: "linear",
  get_cosine_schedule_with_warmup: "cosine",
  get_cosine_with_min_lr_schedule_with_warmup: "cosine_with_min_lr",
  get_cosine_with_hard_restarts_schedule_with_warmup: "cosine_with_restarts",
  get_polynomial_decay_schedule_with_warmup: "polynomial",
  get_inverse_sqrt_schedule: "inverse_sqrt",
};
const bolts = schedulerTarget(
  linearWarmupCosineAnnealingLrOptionsSchema,
  (o, options) => new LinearWarmupCosineAnnealingLR(o, options),
);

/** Schedules of other packages, as public configurations name them. */
const otherTargets: TargetTable = {
  ...Object.fromEntries(
    Object.entries(transformersNames).map(([name, kind]) => [
      `transformers.${name}`,
      schedulerTarget(warmupScheduleOptions[kind], (o, options) => new WarmupSchedule(o, kind, options)),
    ]),
  ),
  "pl_bolts.optimizers.LinearWarmupCosineAnnealingLR": bolts,
  "pl_bolts.optimizers.lr_scheduler.LinearWarmupCosineAnnealingLR": bolts,
  "torch.optim.swa_utils.SWALR": refusedTarget(
    "torch.optim.swa_utils.SWALR is a part of a callback here",
    "add the callback lightning.pytorch.callbacks.StochasticWeightAveraging, whose swa_lrs is its rate",
  ),
};

/** `torch.optim.lr_scheduler.*` as a configuration names them, timm's and those of other packages. */
export const schedulerTargets: TargetTable = {
  ...timmTargets,
  ...otherTargets,
  "torch.optim.lr_scheduler.LinearLR": schedulerTarget(linearLrOptionsSchema, (o, options) => new LinearLR(o, options)),
  "torch.optim.lr_scheduler.ConstantLR": schedulerTarget(
    constantLrOptionsSchema,
    (o, options) => new ConstantLR(o, options),
  ),
  "torch.optim.lr_scheduler.StepLR": schedulerTarget(stepLrOptionsSchema, (o, options) => new StepLR(o, options)),
  "torch.optim.lr_scheduler.MultiStepLR": schedulerTarget(
    multiStepLrOptionsSchema,
    (o, options) => new MultiStepLR(o, options),
  ),
  "torch.optim.lr_scheduler.ExponentialLR": schedulerTarget(
    exponentialLrOptionsSchema,
    (o, options) => new ExponentialLR(o, options),
  ),
  "torch.optim.lr_scheduler.PolynomialLR": schedulerTarget(
    polynomialLrOptionsSchema,
    (o, options) => new PolynomialLR(o, options),
  ),
  "torch.optim.lr_scheduler.CosineAnnealingLR": schedulerTarget(
    cosineAnnealingLrOptionsSchema,
    (o, options) => new CosineAnnealingLR(o, options),
  ),
  "torch.optim.lr_scheduler.CosineAnnealingWarmRestarts": schedulerTarget(
    cosineAnnealingWarmRestartsOptionsSchema,
    (o, options) => new CosineAnnealingWarmRestarts(o, options),
  ),
  "torch.optim.lr_scheduler.LambdaLR": schedulerTarget(lambdaLrOptionsSchema, (o, options) => new LambdaLR(o, options)),
  "torch.optim.lr_scheduler.MultiplicativeLR": schedulerTarget(
    lambdaLrOptionsSchema,
    (o, options) => new MultiplicativeLR(o, options),
  ),
  "torch.optim.lr_scheduler.OneCycleLR": schedulerTarget(
    oneCycleLrOptionsSchema,
    (o, options) => new OneCycleLR(o, options),
  ),
  "torch.optim.lr_scheduler.CyclicLR": schedulerTarget(cyclicLrOptionsSchema, (o, options) => new CyclicLR(o, options)),
  "torch.optim.lr_scheduler.ReduceLROnPlateau": schedulerTarget(
    reduceLrOnPlateauOptionsSchema,
    (o, options) => new ReduceLROnPlateau(o, options),
  ),
  "torch.optim.lr_scheduler.SequentialLR": schedulerTarget(
    sequentialOptionsSchema,
    (o, { schedulers, milestones, lastEpoch }) => new SequentialLR(o, made(schedulers, o), milestones, { lastEpoch }),
  ),
  "torch.optim.lr_scheduler.ChainedScheduler": optionsTarget(
    chainedOptionsSchema,
    ({ schedulers, optimizer: given }) =>
      new ChainedScheduler(given === undefined ? (schedulers as Scheduler[]) : made(schedulers, given), given),
  ),
};
