import { foreignOptionAdvice, parseOptions, snakeCase, suggestion } from "@classifier-training/base";
import { z } from "zod";
import { CheckpointIO } from "../checkpoint/io.ts";
import { Callback } from "../core/callback.ts";
import { Logger } from "../loggers/logger.ts";
import { ClusterEnvironment } from "../plugins/cluster-environment.ts";
import { precisionNames } from "../precision/plugins.ts";
import type { Profiler } from "../profilers/profiler.ts";
import type { Strategy } from "../strategies/strategy.ts";
import { durationSchema } from "../utilities/duration.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import { removedTrainerOptions } from "./removed-options.ts";

/**
 * How many batches: a fraction of the loader (1, as in `1.0`, is all of it), a number above 1, or exactly so many with
 * `{ batches: n }`, which is the way to say one (JavaScript cannot tell 1 from 1.0).
 */
const batchLimit = z.union([
  z
    .number()
    .min(0)
    .refine((limit) => limit <= 1 || Number.isInteger(limit), "expected a fraction up to 1, or an integer"),
  z.strictObject({ batches: z.int().min(0) }),
]);

/** An object that has these methods. */
function having<T>(...methods: readonly (keyof T & string)[]): (value: unknown) => value is T {
  return (value): value is T => methods.every((name) => typeof (value as T | null)?.[name] === "function");
}

const isStrategy = having<Strategy>("connect", "setup", "reduceGradients", "barrier", "teardown");
const isProfiler = having<Profiler>("start", "stop", "finish");
const strategy = z.custom<string | Strategy>(
  (value) => typeof value === "string" || isStrategy(value),
  "expected the name of a strategy, or a strategy",
);
const profiler = z.custom<Profiler>(isProfiler, "expected a profiler");
const plugin = z.custom<CheckpointIO | ClusterEnvironment>(
  (value) => value instanceof CheckpointIO || value instanceof ClusterEnvironment,
  "expected a CheckpointIO or a ClusterEnvironment",
);
const callback = z.custom<Callback>((value) => value instanceof Callback, "expected a callback");
const logger = z.custom<Logger>((value) => value instanceof Logger, "expected a logger");

/** Lightning takes these names in any case. */
function anyCase<const T extends readonly [string, ...string[]]>(names: T) {
  return z.union([z.enum(names), z.string().toLowerCase().pipe(z.enum(names))]);
}

/**
 * Lightning's options, in Lightning's order, with their defaults. Where the default is null, `resolveOptions` says what
 * it stands for: `barebones` refuses those that were given.
 */
export const trainerOptionsSchema = z.strictObject({
  accelerator: z.string().default("auto"),
  strategy: strategy.default("auto"),
  devices: z
    .union([z.int(), z.string(), z.array(z.int())])
    .nullable()
    .default("auto"),
  numNodes: z.int().min(1).default(1),
  precision: z
    .union([z.enum(precisionNames), z.literal(16), z.literal(32), z.literal(64)])
    .nullable()
    .default("32-true"),
  /** null is the default logger, as true is. */
  logger: z
    .union([z.boolean(), logger, z.array(logger)])
    .nullable()
    .default(null),
  callbacks: z
    .union([callback, z.array(callback)])
    .nullable()
    .default([]),
  fastDevRun: z.union([z.boolean(), z.int().min(0)]).default(false),
  maxEpochs: z.int().min(-1).nullable().default(null),
  minEpochs: z.int().min(0).nullable().default(null),
  maxSteps: z.int().min(-1).default(-1),
  minSteps: z.int().min(0).nullable().default(null),
  maxTime: durationSchema.nullable().default(null),
  limitTrainBatches: batchLimit.nullable().default(1),
  limitValBatches: batchLimit.nullable().default(1),
  limitTestBatches: batchLimit.nullable().default(1),
  limitPredictBatches: batchLimit.nullable().default(1),
  overfitBatches: batchLimit.default(0),
  /** A fraction of an epoch (1 is its end), a number of batches, or a time: `DD:HH:MM:SS` or `{ minutes: 30 }`. */
  valCheckInterval: z.union([batchLimit, durationSchema]).nullable().default(1),
  checkValEveryNEpoch: z.int().min(1).nullable().default(1),
  numSanityValSteps: z.int().min(-1).nullable().default(null),
  logEveryNSteps: z.int().min(0).nullable().default(null),
  enableCheckpointing: z.boolean().nullable().default(null),
  enableProgressBar: z.boolean().nullable().default(null),
  enableModelSummary: z.boolean().nullable().default(null),
  accumulateGradBatches: z.int().min(1).default(1),
  /** Nothing is clipped at 0 and below. */
  gradientClipVal: z.number().nullable().default(null),
  gradientClipAlgorithm: anyCase(["norm", "value"]).nullable().default("norm"),
  deterministic: z
    .union([z.boolean(), z.literal("warn")])
    .nullable()
    .default(false),
  benchmark: z.boolean().nullable().default(null),
  inferenceMode: z.boolean().default(true),
  useDistributedSampler: z.boolean().default(true),
  profiler: z
    .union([anyCase(["simple", "advanced", "pytorch", "chrome"]), profiler])
    .nullable()
    .default(null),
  detectAnomaly: z.boolean().default(false),
  barebones: z.boolean().default(false),
  plugins: z
    .union([plugin, z.array(plugin)])
    .nullable()
    .default([]),
  syncBatchnorm: z.boolean().default(false),
  reloadDataloadersEveryNEpochs: z.int().min(0).default(0),
  defaultRootDir: z.string().nullable().default(null),
  enableAutologHparams: z.boolean().default(true),
  /** Accepted for Lightning's configurations: there is no model registry to upload to, and nothing to suggest. */
  modelRegistry: z.null("there is no model registry to upload to: give null").default(null),
  suggestIntegrations: z.boolean().default(true),
  /** What SIGINT, SIGTERM and SIGHUP do once the run is saved and closed: end the process (130, 143, 129), or throw from `fit`. */
  onSignal: z.enum(["exit", "throw", "ignore"]).default("exit"),
  /** Write checkpoints in a worker thread while training continues. */
  asyncCheckpointing: z.boolean().default(true),
});

/** What a user gives. */
export type TrainerOptions = z.input<typeof trainerOptionsSchema>;
/** The same with its defaults: `resolveOptions` decides what they stand for. */
export type ParsedOptions = z.infer<typeof trainerOptionsSchema>;

/** @throws MisconfigurationError naming the option that is unknown (and the nearest) or has a wrong value. */
export function parseTrainerOptions(input: unknown): ParsedOptions {
  const known = Object.keys(trainerOptionsSchema.shape);
  for (const name of Object.keys(typeof input === "object" && input !== null ? input : {})) {
    if (!known.includes(name)) {
      const removed = removedTrainerOptions[snakeCase(name)];
      const advice = removed && foreignOptionAdvice(name, removed, (input as Record<string, unknown>)[name]);
      throw new MisconfigurationError(`Trainer has no option '${name}'`, advice?.fix ?? suggestion(name, known));
    }
  }
  return parseOptions("Trainer", trainerOptionsSchema, input, ({ what, fix }) => new MisconfigurationError(what, fix));
}
