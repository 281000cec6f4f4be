import { statSync } from "node:fs";
import { CtError } from "@classifier-training/base";
import { serialization } from "@classifier-training/torch";
import { LightningError } from "../utilities/errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import {
  type CheckpointSummary,
  checkVersion,
  corrupt,
  digestKey,
  isWeight,
  parseSummary,
  weightsDigestKey,
  withRunSignature,
} from "./format.ts";

/**
 * Reads a checkpoint and checks every byte of it.
 * @throws LightningError `checkpoint/missing`, `checkpoint/corrupt`, `checkpoint/version`
 */
export function loadCheckpoint(path: string): Checkpoint {
  return reading(path, () => {
    const { tensors, metadata, digest } = serialization.loadSafetensors(path, { digestKey });
    const { state, summary } = metadata;
    if (state === undefined || summary === undefined) throw notACheckpoint(path);
    if (digest === undefined) throw corrupt(path, "it has no checksum");
    checkVersion(metadata, path);
    for (const name of parseSummary(summary, path).channelsLast ?? []) {
      const tensor = tensors.get(name);
      if (tensor !== undefined) tensors.set(name, tensor.contiguous("channels_last"));
    }
    const entries = serialization.unpackTree({ tensors, json: state }) as Record<string, unknown>;
    return withRunSignature(entries) as unknown as Checkpoint;
  });
}

export interface CheckpointInspection {
  readonly path: string;
  readonly bytes: number;
  readonly formatVersion: number;
  readonly summary: CheckpointSummary;
  readonly checksum: string;
  /** SHA-256 of the weights: the same in two files that hold the same ones. */
  readonly weightsSha256: string;
  /** Weights by name. */
  readonly weights: readonly Pick<serialization.TensorEntry, "name" | "dtype" | "shape">[];
  readonly parameters: number;
  /** Entries of the state beside the weights, such as `optimizerStates`. */
  readonly stateEntries: readonly string[];
}

/** What a checkpoint holds, from its header alone (its bytes are not checked: `loadCheckpoint` does that). */
export function inspectCheckpoint(path: string): CheckpointInspection {
  const { entries, metadata } = readHeader(path);
  const { summary, state = "{}" } = metadata;
  if (summary === undefined) throw notACheckpoint(path);
  const weights = entries.filter(isWeight).map(({ name, dtype, shape }) => ({ name, dtype, shape }));
  return {
    path,
    bytes: statSync(path).size,
    formatVersion: Number(metadata["format_version"] ?? 1),
    summary: parseSummary(summary, path),
    checksum: metadata[digestKey] ?? "",
    weightsSha256: metadata[weightsDigestKey] ?? "",
    weights,
    parameters: weights.reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0),
    stateEntries: Object.keys(JSON.parse(state) as object),
  };
}

/** A file's summary; undefined when it is not a checkpoint, or its header is damaged. */
export function summaryOf(path: string): CheckpointSummary | undefined {
  try {
    const { summary } = readHeader(path).metadata;
    return summary === undefined ? undefined : parseSummary(summary, path);
  } catch {
    return undefined;
  }
}

function readHeader(path: string): serialization.SafetensorsHeader {
  return reading(path, () => serialization.readSafetensorsHeader(path));
}

/** Runs what reads a file, and says what is wrong with it in the words of checkpoints. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof LightningError) throw error;
    if (error instanceof serialization.SerializationError) throw corrupt(path, error.problem.what, error);
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): LightningError {
  const { cause } = error as Error;
  if ((cause as NodeJS.ErrnoException | undefined)?.code !== "ENOENT" && CtError.is(error)) {
    return new LightningError({
      code: "checkpoint/unreadable",
      what: error.problem.what,
      where: path,
      fix: 'give the path of a .ckpt file, "last" or "best"',
      cause: error,
    });
  }
  return new LightningError({
    code: "checkpoint/missing",
    what: `Checkpoint file not found: ${path}`,
    fix: 'give the path of a .ckpt file, "last" or "best"',
    cause: error,
  });
}

function notACheckpoint(path: string): LightningError {
  return new LightningError({
    code: "checkpoint/format",
    what: "expected a checkpoint of a run, received a safetensors file of weights only",
    where: path,
    fix: "load it as weights into the model",
  });
}
