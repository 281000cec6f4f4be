import { getLogger } from "@classifier-training/base";
import { Timer } from "../callbacks/timer.ts";
import type { BatchLimit, TrainerOptions } from "../trainer/options.ts";
import { durationSeconds, isDuration } from "../utilities/duration.ts";
import { MisconfigurationError } from "../utilities/errors.ts";

const log = getLogger("lightning.trainer");

/** The options as the loops need them: each decided, and the combined modes (`fastDevRun`, `barebones`) applied. */
export interface Settings {
  readonly maxEpochs: number;
  /** Nobody has limited the training, and `maxEpochs` is a guess. */
  readonly assumesMaxEpochs: boolean;
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
  /** Seconds between two validations, when these go by time. */
  readonly valCheckTimeS: number | null;
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
  const { valCheckInterval, barebones } = options;
  if (barebones) refuseWithBarebones(options);
  const byTime = valCheckInterval !== null && isDuration(valCheckInterval);
  const overfit = count(options.overfitBatches) !== 0;
  const settings: Settings = {
    ...epochLimits(options),
    maxSteps: options.maxSteps,
    minSteps: options.minSteps ?? 0,
    maxTimeS: options.maxTime === null ? null : durationSeconds(options.maxTime),
    limitTrainBatches: overfit ? options.overfitBatches : limit(options.limitTrainBatches),
    limitValBatches: overfit ? options.overfitBatches : limit(options.limitValBatches),
    limitTestBatches: limit(options.limitTestBatches),
    limitPredictBatches: limit(options.limitPredictBatches),
    overfit,
    valCheckInterval: byTime ? 1 : (valCheckInterval ?? 1),
    valCheckTimeS: byTime ? durationSeconds(valCheckInterval) : null,
    checkValEveryNEpoch: options.checkValEveryNEpoch,
    numSanityValSteps: sanitySteps(options.numSanityValSteps ?? (barebones ? 0 : 2)),
    logEveryNSteps: options.logEveryNSteps ?? (barebones ? 0 : 50),
    enableCheckpointing: options.enableCheckpointing ?? !barebones,
    enableProgressBar: options.enableProgressBar ?? !barebones,
    enableModelSummary: options.enableModelSummary ?? !barebones,
    enableLogging: (options.logger ?? !barebones) !== false,
    gradientClipVal: options.gradientClipVal,
    gradientClipAlgorithm: options.gradientClipAlgorithm ?? "norm",
    inferenceMode: options.inferenceMode,
    detectAnomaly: options.detectAnomaly,
    deterministic: options.deterministic ?? false,
    reloadDataloadersEveryNEpochs: options.reloadDataloadersEveryNEpochs,
    fastDevRun,
    barebones,
    defaultRootDir: options.defaultRootDir ?? process.cwd(),
  };
  checkValidationInterval(settings);
  return fastDevRun === false ? settings : applyFastDevRun(settings, fastDevRun);
}

/** @throws MisconfigurationError for an interval that is none, or one that does not go with the epochs' */
function checkValidationInterval({ valCheckInterval, valCheckTimeS, checkValEveryNEpoch }: Settings): void {
  if (typeof valCheckInterval !== "number" && valCheckInterval.batches === 0) {
    throw new MisconfigurationError(
      "valCheckInterval is 0 batches, and validation cannot run after every 0 batches",
      "set limitValBatches: 0 to train without validation",
    );
  }
  if (checkValEveryNEpoch === null && valCheckTimeS === null && !(exactCount(valCheckInterval) ?? 0)) {
    throw new MisconfigurationError(
      "valCheckInterval should be a number of batches or a time when checkValEveryNEpoch is null: it then counts over epochs",
      "give valCheckInterval as an integer, such as 500, or as DD:HH:MM:SS",
    );
  }
}

function epochLimits(options: TrainerOptions): Pick<Settings, "maxEpochs" | "assumesMaxEpochs" | "minEpochs"> {
  const { maxEpochs, maxSteps, minSteps } = options;
  // With a least number of steps, a stop that is asked for before the first one waits for them.
  const minEpochs = options.minEpochs ?? (minSteps === null ? 0 : 1);
  if (maxEpochs !== null) return { maxEpochs, minEpochs, assumesMaxEpochs: false };
  const assumesMaxEpochs = maxSteps === -1 && !isTimed(options);
  return { maxEpochs: assumesMaxEpochs ? 1000 : -1, minEpochs, assumesMaxEpochs };
}

function isTimed({ maxTime, callbacks }: TrainerOptions): boolean {
  return maxTime !== null || [callbacks ?? []].flat().some((callback) => callback instanceof Timer);
}

function sanitySteps(steps: number): number {
  return steps === -1 ? Number.POSITIVE_INFINITY : steps;
}

function applyFastDevRun(settings: Settings, batches: number): Settings {
  log.info(
    `Running in fastDevRun mode: ${batches} batch${batches === 1 ? "" : "es"} of training, validation, test and ` +
      "prediction, without loggers, checkpoints, early stopping and tuners",
  );
  const few = { batches };
  return {
    ...settings,
    maxSteps: batches,
    maxEpochs: 1,
    assumesMaxEpochs: false,
    ...(settings.overfit ? {} : { limitTrainBatches: few, limitValBatches: few }),
    limitTestBatches: few,
    limitPredictBatches: few,
    valCheckInterval: 1,
    valCheckTimeS: null,
    checkValEveryNEpoch: 1,
    numSanityValSteps: 0,
    enableLogging: false,
  };
}

function refuseWithBarebones(options: TrainerOptions): void {
  const { logger, fastDevRun, logEveryNSteps, numSanityValSteps } = options;
  const asked = (
    [
      ["enableCheckpointing", options.enableCheckpointing === true],
      ["logger", logger !== null && logger !== false],
      ["enableProgressBar", options.enableProgressBar === true],
      ["logEveryNSteps", logEveryNSteps !== null && logEveryNSteps !== 0],
      ["enableModelSummary", options.enableModelSummary === true],
      ["numSanityValSteps", numSanityValSteps !== null && numSanityValSteps !== 0],
      ["fastDevRun", fastDevRun !== false && fastDevRun !== 0],
      ["detectAnomaly", options.detectAnomaly],
      ["profiler", options.profiler !== null],
    ] as const
  ).find(([, set]) => set);
  if (asked !== undefined) {
    throw new MisconfigurationError(
      `Trainer(barebones: true) leaves out everything that slows training, and ${asked[0]} was set`,
      `leave out ${asked[0]}, or barebones`,
    );
  }
}

/** A limit that is a number of batches; undefined for a fraction. */
export function exactCount(limit: BatchLimit): number | undefined {
  if (typeof limit !== "number") return limit.batches;
  return limit > 1 || limit === 0 ? limit : undefined;
}

function count(limit: BatchLimit): number {
  return typeof limit === "number" ? limit : limit.batches;
}

/** A limit of no batches is 0 from here on, however it was given. */
function limit(given: BatchLimit | null): BatchLimit {
  if (given === null) return 1;
  return count(given) === 0 ? 0 : given;
}

/**
 * Batches that a limit leaves of a loader.
 * @throws MisconfigurationError for a fraction of an unknown length, or one that leaves nothing
 */
export function limitedBatches(length: number, limit: BatchLimit, stage: string): number {
  const exact = exactCount(limit);
  if (exact !== undefined) return Math.min(length, exact);
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
