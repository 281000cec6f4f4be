import { z } from "zod";
import { LightningError } from "../utilities/errors.ts";

// A checkpoint is a safetensors file (https://github.com/huggingface/safetensors). Its tensors are the weights under
// their own names, and those of the rest of the run's state behind an `@`. Its metadata holds the state's tree as JSON, a
// summary, and two SHA-256: of the whole file, so that a truncated file and a flipped bit are found, and of the weights.

export const formatName = "classifier-training/checkpoint";
/** Readers accept files up to this version, and ignore entries that they do not know. */
export const formatVersion = 1;

/** Keys of the metadata. */
export const digestKey = "checksum";
export const weightsDigestKey = "weights_sha256";

export function isWeight({ name }: { readonly name: string }): boolean {
  return !name.startsWith("@");
}

/** What `inspectCheckpoint` and the search for checkpoints read: small, and independent of the state's layout. */
export interface CheckpointSummary {
  readonly created: string;
  readonly epoch: number;
  readonly globalStep: number;
  readonly runId: string;
  /** Ids of the runs that this one resumed, the latest first. */
  readonly continuedRuns?: readonly string[] | undefined;
  readonly model: string;
  readonly weightsOnly: boolean;
  readonly metrics: Readonly<Record<string, number | string>>;
  readonly monitor?: { readonly name: string; readonly value: number | string } | undefined;
  readonly runSignature?: Readonly<Record<string, unknown>> | undefined;
  /** Names of weights whose memory format is channels-last. */
  readonly channelsLast?: readonly string[] | undefined;
}

const summarySchema = z.looseObject({
  epoch: z.number(),
  globalStep: z.number(),
  runId: z.string(),
  metrics: z.record(z.string(), z.unknown()),
  channelsLast: z.array(z.string()).optional(),
});

/** @throws LightningError `checkpoint/corrupt` */
export function parseSummary(json: string, path: string): CheckpointSummary {
  try {
    return withRunSignature(summarySchema.parse(JSON.parse(json))) as unknown as CheckpointSummary;
  } catch (cause) {
    throw corrupt(path, "the summary in its header is damaged", cause);
  }
}

/** An entry of a file under its name of today: earlier versions wrote the run signature as `fingerprint`. */
export function withRunSignature(entries: Record<string, unknown>): Record<string, unknown> {
  const { fingerprint, ...others } = entries;
  return fingerprint === undefined ? entries : { runSignature: fingerprint, ...others };
}

/** @throws LightningError when a newer version of this package wrote it. */
export function checkVersion(metadata: Readonly<Record<string, string>>, path: string): void {
  const version = Number(metadata["format_version"] ?? formatVersion);
  if (version > formatVersion) {
    throw new LightningError({
      code: "checkpoint/version",
      what: `expected a checkpoint of format version ${formatVersion} or lower, received version ${version}`,
      where: path,
      fix: "update classifier-training",
    });
  }
}

export function corrupt(path: string, how: string, cause?: unknown): LightningError {
  return new LightningError({
    code: "checkpoint/corrupt",
    what: `the checkpoint cannot be used: ${how}`,
    where: path,
    fix: "use an earlier checkpoint; this file was truncated or changed after it was written",
    cause,
  });
}
