import {
  type ForeignOption,
  optionsTarget,
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
import { lambdaLrOptionsSchema } from "./lambda.ts";
import { oneCycleLrOptionsSchema } from "./one-cycle.ts";
import { reduceLrOnPlateauOptionsSchema } from "./plateau.ts";
import {
  exponentialLrOptionsSchema,
  multiStepLrOptionsSchema,
  polynomialLrOptionsSchema,
  stepLrOptionsSchema,
} from "./step.ts";
import { constantLrOptionsSchema, linearLrOptionsSchema } from "./warm-up.ts";

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

/** `torch.optim.lr_scheduler.*` as a configuration names them. */
export const schedulerTargets: TargetTable = {
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
