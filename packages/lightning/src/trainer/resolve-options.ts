import { getLogger } from "@classifier-training/base";
import { Timer } from "../callbacks/timer.ts";
import { type BatchLimit, exactCount, type ResolvedOptions } from "../run/resolved-options.ts";
import { durationSeconds, isDuration } from "../utilities/duration.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import type { ParsedOptions } from "./options.ts";

const log = getLogger("lightning.trainer");

/** @throws MisconfigurationError when options contradict each other. */
export function resolveOptions(options: ParsedOptions): ResolvedOptions {
  const fastDevRun = options.fastDevRun === true ? 1 : options.fastDevRun || false;
  const { valCheckInterval, barebones } = options;
  if (barebones) refuseWithBarebones(options);
  const byTime = valCheckInterval !== null && isDuration(valCheckInterval);
  const overfit = count(options.overfitBatches) !== 0;
  const resolved: ResolvedOptions = {
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
    enableAutologHparams: options.enableAutologHparams,
    accumulateGradBatches: options.accumulateGradBatches,
    gradientClipVal: options.gradientClipVal,
    gradientClipAlgorithm: options.gradientClipAlgorithm ?? "norm",
    inferenceMode: options.inferenceMode,
    detectAnomaly: options.detectAnomaly,
    deterministic: options.deterministic ?? false,
    benchmark: options.benchmark,
    syncBatchnorm: options.syncBatchnorm,
    useDistributedSampler: options.useDistributedSampler,
    reloadDataloadersEveryNEpochs: options.reloadDataloadersEveryNEpochs,
    fastDevRun,
    barebones,
    defaultRootDir: options.defaultRootDir ?? process.cwd(),
    onSignal: options.onSignal,
  };
  checkValidationInterval(resolved);
  return fastDevRun === false ? resolved : applyFastDevRun(resolved, fastDevRun);
}

/** @throws MisconfigurationError for an interval of 0 batches, or one that contradicts `checkValEveryNEpoch` */
function checkValidationInterval({ valCheckInterval, valCheckTimeS, checkValEveryNEpoch }: ResolvedOptions): void {
  if (typeof valCheckInterval !== "number" && valCheckInterval.batches === 0) {
    throw new MisconfigurationError(
      "valCheckInterval: expected at least 1 batch, received 0",
      "set limitValBatches: 0 to train without validation",
    );
  }
  if (checkValEveryNEpoch === null && valCheckTimeS === null && !(exactCount(valCheckInterval) ?? 0)) {
    throw new MisconfigurationError(
      `valCheckInterval: expected a number of batches or a time when checkValEveryNEpoch is null (it then counts over epochs), received ${valCheckInterval}`,
      "give valCheckInterval as an integer, such as 500, or as DD:HH:MM:SS",
    );
  }
}

function epochLimits(options: ParsedOptions): Pick<ResolvedOptions, "maxEpochs" | "assumesMaxEpochs" | "minEpochs"> {
  const { maxEpochs, maxSteps, minSteps } = options;
  // With a least number of steps, a stop that is asked for before the first one waits for them.
  const minEpochs = options.minEpochs ?? (minSteps === null ? 0 : 1);
  if (maxEpochs !== null) return { maxEpochs, minEpochs, assumesMaxEpochs: false };
  const assumesMaxEpochs = maxSteps === -1 && !isTimed(options);
  return { maxEpochs: assumesMaxEpochs ? 1000 : -1, minEpochs, assumesMaxEpochs };
}

function isTimed({ maxTime, callbacks }: ParsedOptions): boolean {
  return maxTime !== null || [callbacks ?? []].flat().some((callback) => callback instanceof Timer);
}

function sanitySteps(steps: number): number {
  return steps === -1 ? Number.POSITIVE_INFINITY : steps;
}

function applyFastDevRun(options: ResolvedOptions, batches: number): ResolvedOptions {
  log.info(
    `Running in fastDevRun mode: ${batches} batch${batches === 1 ? "" : "es"} of training, validation, test and ` +
      "prediction, without loggers, checkpoints, early stopping and tuners",
  );
  const few = { batches };
  return {
    ...options,
    maxSteps: batches,
    maxEpochs: 1,
    assumesMaxEpochs: false,
    ...(options.overfit ? {} : { limitTrainBatches: few, limitValBatches: few }),
    limitTestBatches: few,
    limitPredictBatches: few,
    valCheckInterval: 1,
    valCheckTimeS: null,
    checkValEveryNEpoch: 1,
    numSanityValSteps: 0,
    enableLogging: false,
  };
}

function refuseWithBarebones(options: ParsedOptions): void {
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

function count(limit: BatchLimit): number {
  return typeof limit === "number" ? limit : limit.batches;
}

/** A limit of no batches is 0 from here on, however it was given. */
function limit(given: BatchLimit | null): BatchLimit {
  if (given === null) return 1;
  return count(given) === 0 ? 0 : given;
}
