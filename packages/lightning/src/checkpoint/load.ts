import { closeSync, readSync, statSync } from "node:fs";
import { CtError, openRegularFile, readRegularFile } from "@classifier-training/base";
import { type DType, fromBuffer, type Tensor } from "@classifier-training/torch";
import { LightningError } from "../utilities/errors.ts";
import type { Checkpoint } from "./checkpoint.ts";
import {
  type CheckpointHeader,
  type CheckpointSummary,
  checkVersion,
  corrupt,
  headerLength,
  parseHeader,
  parseSummary,
  type StoredType,
  verify,
} from "./format.ts";
import { unpackTree } from "./tree.ts";

const dtypes: Readonly<Record<StoredType, DType>> = {
  F64: "float64",
  I64: "int64",
  F32: "float32",
  I32: "int32",
  BF16: "bfloat16",
  F16: "float16",
  I16: "int16",
  I8: "int8",
  U8: "uint8",
  BOOL: "bool",
};

/**
 * Reads a checkpoint and checks every byte of it.
 * @throws LightningError `checkpoint/missing`, `checkpoint/corrupt`, `checkpoint/version`
 */
export function loadCheckpoint(path: string): Checkpoint {
  const { header, file } = readVerified(path);
  const { state, summary } = header.metadata;
  if (state === undefined || summary === undefined) throw notACheckpoint(path);
  checkVersion(header.metadata, path);
  const { channelsLast = [] } = parseSummary(summary, path);
  const permuted = new Set(channelsLast);
  const made = new Map<string, Tensor>();
  const tensorNamed = (name: string): Tensor => {
    const known = made.get(name);
    if (known !== undefined) return known;
    const stored = header.tensors.get(name);
    if (stored === undefined) throw corrupt(path, `it lacks the tensor ${name}`);
    const offset = file.byteOffset + header.dataStart + stored.data_offsets[0];
    const plain = fromBuffer(file.buffer, offset, [...stored.shape], dtypes[stored.dtype]);
    const tensor = permuted.has(name) ? plain.contiguous("channels_last") : plain;
    made.set(name, tensor);
    return tensor;
  };
  try {
    return unpackTree(state, tensorNamed) as Checkpoint;
  } catch (cause) {
    throw cause instanceof LightningError ? cause : corrupt(path, "the state of its run cannot be read", cause);
  }
}

/** Reads a whole file into memory and checks it. */
export function readVerified(path: string): { header: CheckpointHeader; file: Buffer } {
  let file: Buffer;
  try {
    file = readRegularFile(path, maxFileBytes);
  } catch (error) {
    throw unreadable(path, error);
  }
  const length = headerLength(file);
  if (8 + length > file.length) throw corrupt(path, "it is cut off, or no checkpoint at all");
  const header = parseHeader(file.subarray(0, 8 + length), path);
  verify(file, header, path);
  return { header, file };
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
  readonly weights: readonly { readonly name: string; readonly dtype: string; readonly shape: readonly number[] }[];
  readonly parameters: number;
  /** Entries of the state beside the weights, such as `optimizerStates`. */
  readonly stateEntries: readonly string[];
}

/** What a checkpoint holds, from its header alone (its bytes are not checked: `loadCheckpoint` does that). */
export function inspectCheckpoint(path: string): CheckpointInspection {
  const header = readHeader(path);
  const { summary, state = "{}", checksum = "", weights_sha256 = "" } = header.metadata;
  if (summary === undefined) throw notACheckpoint(path);
  const weights = [...header.tensors]
    .filter(([name]) => !name.startsWith("@"))
    .map(([name, { dtype, shape }]) => ({ name, dtype: dtypes[dtype], shape }));
  return {
    path,
    bytes: statSync(path).size,
    formatVersion: Number(header.metadata["format_version"] ?? 1),
    summary: parseSummary(summary, path),
    checksum,
    weightsSha256: weights_sha256,
    weights,
    parameters: weights.reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0),
    stateEntries: Object.keys(JSON.parse(state) as object),
  };
}

/** A file's summary; undefined when it is no checkpoint, or a damaged one. */
export function summaryOf(path: string): CheckpointSummary | undefined {
  try {
    const { summary } = readHeader(path).metadata;
    return summary === undefined ? undefined : parseSummary(summary, path);
  } catch {
    return undefined;
  }
}

/** Reads a file's header alone. */
export function readHeader(path: string): CheckpointHeader {
  let opened: { file: number; size: number };
  try {
    opened = openRegularFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  const { file, size } = opened;
  try {
    const first = Buffer.alloc(8);
    const read = readSync(file, first, 0, 8, 0);
    const length = headerLength(first.subarray(0, read));
    if (8 + length > size) throw corrupt(path, "it is cut off, or no checkpoint at all");
    const head = Buffer.alloc(8 + length);
    if (readSync(file, head, 0, head.length, 0) < head.length) throw corrupt(path, "it is cut off");
    return parseHeader(head, path);
  } finally {
    closeSync(file);
  }
}

const maxFileBytes = 2 ** 32;

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
    what: "the file is safetensors, but holds weights only and no state of a run",
    where: path,
    fix: "load it as weights into the model",
  });
}
