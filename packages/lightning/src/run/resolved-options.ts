import { MisconfigurationError } from "../utilities/errors.ts";

/** A fraction of the loader, a number of batches above 1, or exactly so many. */
export type BatchLimit = number | { readonly batches: number };

/**
 * The trainer's options as everything reads them: plain values, each decided, with the combined modes (`fastDevRun`,
 * `barebones`, `overfitBatches`) applied.
 */
export interface ResolvedOptions {
  maxEpochs: number;
  /** Nothing limits the training, and `maxEpochs` is a guess. */
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
  readonly enableAutologHparams: boolean;
  readonly accumulateGradBatches: number;
  readonly gradientClipVal: number | null;
  readonly gradientClipAlgorithm: "norm" | "value";
  readonly inferenceMode: boolean;
  readonly detectAnomaly: boolean;
  readonly deterministic: boolean | "warn";
  readonly benchmark: boolean | null;
  readonly syncBatchnorm: boolean;
  readonly useDistributedSampler: boolean;
  readonly reloadDataloadersEveryNEpochs: number;
  readonly fastDevRun: number | false;
  readonly barebones: boolean;
  readonly defaultRootDir: string;
  readonly onSignal: "exit" | "throw" | "ignore";
}

/** A limit that is a number of batches; undefined for a fraction. */
export function exactCount(limit: BatchLimit): number | undefined {
  if (typeof limit !== "number") return limit.batches;
  return limit > 1 || limit === 0 ? limit : undefined;
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
