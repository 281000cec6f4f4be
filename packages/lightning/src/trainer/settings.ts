import { getLogger } from "@classifier-training/base";
import { MisconfigurationError } from "../core/errors.ts";
import { type BatchLimit, durationSeconds, type TrainerOptions } from "./options.ts";

const log = getLogger("lightning.trainer");

/** The options as the loops need them: each decided, and the combined modes (`fastDevRun`, `barebones`) applied. */
export interface Settings {
  readonly maxEpochs: number;
  readonly minEpochs: number;
  readonly maxSteps: number;
  readonly minSteps: number;
  readonly maxTimeS: number | null;
  readonly limitTrainBatches: BatchLimit;
  readonly limitValBatches: BatchLimit;
  readonly limitTestBatches: BatchLimit;
  readonly limitPredictBatches: BatchLimit;
  readonly overfit: boolean;
  readonly valCheckInterval: BatchLimit;
  readonly checkValEveryNEpoch: number | null;
  readonly numSanityValSteps: number;
  readonly logEveryNSteps: number;
  readonly enableCheckpointing: boolean;
  readonly enableProgressBar: boolean;
  readonly enableModelSummary: boolean;
  readonly enableLogging: boolean;
  readonly gradientClipVal: number | null;
  readonly gradientClipAlgorithm: "norm" | "value";
  readonly inferenceMode: boolean;
  readonly detectAnomaly: boolean;
  readonly deterministic: boolean | "warn";
  readonly reloadDataloadersEveryNEpochs: number;
  readonly fastDevRun: number | false;
  readonly barebones: boolean;
  readonly defaultRootDir: string;
}

/** @throws MisconfigurationError when options contradict each other. */
export function resolveSettings(options: TrainerOptions): Settings {
  const fastDevRun = options.fastDevRun === true ? 1 : options.fastDevRun || false;
  if (options.barebones) refuseWithBarebones(options);
  const overfit = batchCount(options.overfitBatches) !== 0;
  const settings: Settings = {
    ...epochLimits(options),
    maxSteps: options.maxSteps,
    minSteps: options.minSteps ?? 0,
    maxTimeS: options.maxTime === null ? null : durationSeconds(options.maxTime),
    limitTrainBatches: overfit ? options.overfitBatches : (options.limitTrainBatches ?? 1),
    limitValBatches: overfit ? options.overfitBatches : (options.limitValBatches ?? 1),
    limitTestBatches: options.limitTestBatches ?? 1,
    limitPredictBatches: options.limitPredictBatches ?? 1,
    overfit,
    valCheckInterval: options.valCheckInterval ?? 1,
    checkValEveryNEpoch: options.checkValEveryNEpoch,
    numSanityValSteps: sanitySteps(options.numSanityValSteps),
    logEveryNSteps: options.logEveryNSteps ?? 50,
    enableCheckpointing: options.enableCheckpointing ?? true,
    enableProgressBar: options.enableProgressBar ?? true,
    enableModelSummary: options.enableModelSummary ?? true,
    enableLogging: options.logger !== false && options.logger !== null,
    gradientClipVal: options.gradientClipVal,
    gradientClipAlgorithm: options.gradientClipAlgorithm ?? "norm",
    inferenceMode: options.inferenceMode,
    detectAnomaly: options.detectAnomaly,
    deterministic: options.deterministic ?? false,
    reloadDataloadersEveryNEpochs: options.reloadDataloadersEveryNEpochs,
    fastDevRun,
    barebones: options.barebones,
    defaultRootDir: options.defaultRootDir ?? process.cwd(),
  };
  if (settings.checkValEveryNEpoch === null && !(exactCount(settings.valCheckInterval) ?? 0)) {
    throw new MisconfigurationError(
      "valCheckInterval should be a number of batches when checkValEveryNEpoch is null: it then counts over epochs",
      "give valCheckInterval as a number above 1, or as { batches: 1 }",
    );
  }
  if (fastDevRun !== false) return applyFastDevRun(settings, fastDevRun);
  if (options.barebones) {
    return {
      ...settings,
      enableCheckpointing: false,
      enableProgressBar: false,
      enableModelSummary: false,
      enableLogging: false,
      numSanityValSteps: 0,
      logEveryNSteps: 0,
    };
  }
  return settings;
}

function epochLimits(options: TrainerOptions): Pick<Settings, "maxEpochs" | "minEpochs"> {
  const { maxEpochs, minEpochs, maxSteps, maxTime } = options;
  if (maxEpochs !== null) return { maxEpochs, minEpochs: minEpochs ?? 0 };
  if (maxSteps === -1 && maxTime === null) {
    log.info("`maxEpochs` was not set. Setting it to 1000 epochs. To train without an epoch limit, set maxEpochs: -1");
    return { maxEpochs: 1000, minEpochs: minEpochs ?? 0 };
  }
  return { maxEpochs: -1, minEpochs: minEpochs ?? 0 };
}

function sanitySteps(steps: number | null): number {
  if (steps === null) return 2;
  return steps === -1 ? Number.POSITIVE_INFINITY : steps;
}

function applyFastDevRun(settings: Settings, batches: number): Settings {
  log.info(
    `Running in fastDevRun mode: ${batches} batch${batches === 1 ? "" : "es"} of training, validation, test and ` +
      "prediction, without loggers, checkpoints, early stopping and tuners",
  );
  const limit = { batches };
  return {
    ...settings,
    maxSteps: batches,
    maxEpochs: 1,
    limitTrainBatches: limit,
    limitValBatches: limit,
    limitTestBatches: limit,
    limitPredictBatches: limit,
    valCheckInterval: 1,
    checkValEveryNEpoch: 1,
    numSanityValSteps: 0,
    enableLogging: false,
  };
}

function refuseWithBarebones(options: TrainerOptions): void {
  const asked = (
    [
      ["logger", options.logger !== true && options.logger !== null && options.logger !== false],
      ["detectAnomaly", options.detectAnomaly],
      ["profiler", options.profiler !== null],
      ["fastDevRun", options.fastDevRun !== false && options.fastDevRun !== 0],
    ] as const
  ).find(([, set]) => set);
  if (asked !== undefined) {
    throw new MisconfigurationError(
      `Trainer(barebones: true) leaves out everything that slows training: ${asked[0]} was set`,
    );
  }
}

/** A limit that is a number of batches; undefined for a fraction. */
export function exactCount(limit: BatchLimit): number | undefined {
  if (typeof limit !== "number") return limit.batches;
  return limit > 1 || limit === 0 ? limit : undefined;
}

function batchCount(limit: BatchLimit): number {
  return typeof limit === "number" ? limit : limit.batches;
}

/**
 * Batches that a limit leaves of a loader.
 * @throws MisconfigurationError for a fraction of an unknown length, or one that leaves nothing
 */
export function limitedBatches(length: number, limit: BatchLimit, stage: string): number {
  const count = exactCount(limit);
  if (count !== undefined) {
    if (!Number.isInteger(count)) {
      throw new MisconfigurationError(
        `the limit of ${stage} batches is ${count}: give a fraction up to 1, or an integer`,
      );
    }
    return Math.min(length, count);
  }
  const fraction = limit as number;
  if (fraction === 1 || length === 0) return length;
  if (!Number.isFinite(length)) {
    throw new MisconfigurationError(
      `the ${stage} loader has no known length: a limit of ${fraction} of it means nothing`,
      "give the limit as a number of batches",
    );
  }
  const batches = Math.floor(length * fraction);
  if (batches === 0) {
    throw new MisconfigurationError(
      `You requested to check ${fraction} of the ${stage} loader, but ${fraction} * ${length} < 1`,
      `increase the limit to at least ${1 / length}`,
    );
  }
  return batches;
}
