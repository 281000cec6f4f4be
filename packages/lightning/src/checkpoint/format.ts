import { createHash } from "node:crypto";
import { z } from "zod";
import { LightningError } from "../utilities/errors.ts";

/**
 * A checkpoint is a safetensors file (https://github.com/huggingface/safetensors): the length of a JSON header, the
 * header, the tensors' bytes. Its `__metadata__` holds the rest of the run's state as JSON, and the SHA-256 of the
 * whole file (with the digest's own place zeroed), so that a torn write and a flipped bit are both found.
 */
export const formatName = "classifier-training/checkpoint";
/** Readers accept files up to this version, and ignore entries that they do not know. */
export const formatVersion = 1;

const itemSizes = { F64: 8, I64: 8, F32: 4, I32: 4, BF16: 2, F16: 2, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const;
export type StoredType = keyof typeof itemSizes;

export const storedTypes: Readonly<Record<string, StoredType>> = {
  float64: "F64",
  int64: "I64",
  float32: "F32",
  int32: "I32",
  bfloat16: "BF16",
  float16: "F16",
  int16: "I16",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
};

export interface StoredTensor {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  /** From where to where in the data, in bytes. */
  readonly data_offsets: readonly [number, number];
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
  readonly fingerprint?: Readonly<Record<string, unknown>> | undefined;
  /** Names of weights whose memory format is channels-last. */
  readonly channelsLast?: readonly string[] | undefined;
}

export interface CheckpointHeader {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly dataStart: number;
  readonly dataBytes: number;
}

export interface TensorEntry {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
}

/** Places tensors one after the other, the widest types first, so that each lies aligned and no byte is wasted. */
export function layOut(entries: readonly TensorEntry[]): { tensors: Map<string, StoredTensor>; dataBytes: number } {
  const sorted = [...entries].sort((a, b) => itemSizes[b.dtype] - itemSizes[a.dtype]);
  const tensors = new Map<string, StoredTensor>();
  let at = 0;
  for (const { name, dtype, shape } of sorted) {
    const end = at + shape.reduce((product, size) => product * size, itemSizes[dtype]);
    tensors.set(name, { dtype, shape, data_offsets: [at, end] });
    at = end;
  }
  return { tensors, dataBytes: at };
}

const digestPlaceholder = "0".repeat(64);

/** The file up to the data, with room for the digests. */
export function encodeHeader(
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const header = {
    __metadata__: { checksum: digestPlaceholder, weights_sha256: digestPlaceholder, ...metadata },
    ...Object.fromEntries(tensors),
  };
  let text = Buffer.from(JSON.stringify(header));
  const padding = (8 - (text.length % 8)) % 8;
  if (padding > 0) text = Buffer.concat([text, Buffer.alloc(padding, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text]);
}

function digestPlace(head: Buffer, name: string): number {
  const key = Buffer.from(`"${name}":"`);
  const at = head.indexOf(key);
  return at < 0 ? -1 : at + key.length;
}

/** Fills in the digests: that of the weights, then that of the whole file. */
export function seal(head: Buffer, data: Uint8Array, weights: readonly StoredTensor[]): void {
  const weightsHash = createHash("sha256");
  for (const { data_offsets } of weights) weightsHash.update(data.subarray(...data_offsets));
  head.write(weightsHash.digest("hex"), digestPlace(head, "weights_sha256"), "latin1");
  const digest = createHash("sha256").update(head).update(data).digest("hex");
  head.write(digest, digestPlace(head, "checksum"), "latin1");
}

/** The first bytes of a file say how long its header is; Infinity when they cannot be a header's. */
export function headerLength(first: Buffer): number {
  if (first.length < 8) return Number.POSITIVE_INFINITY;
  const length = first.readBigUInt64LE();
  return length > 1_000_000_000n ? Number.POSITIVE_INFINITY : Number(length);
}

/** @throws LightningError `checkpoint/corrupt` when it is no header of a checkpoint. */
export function parseHeader(head: Buffer, path: string): CheckpointHeader {
  let parsed: unknown;
  try {
    parsed = JSON.parse(head.toString("utf8", 8));
  } catch (cause) {
    throw corrupt(path, "its header is damaged", cause);
  }
  if (!isObject(parsed)) throw corrupt(path, "its header is damaged");
  const { __metadata__: metadata = {}, ...tensors } = parsed;
  if (!isObject(metadata) || !Object.values(metadata).every((value) => typeof value === "string"))
    throw corrupt(path, "its header's metadata is damaged");
  const entries = new Map<string, StoredTensor>();
  let dataBytes = 0;
  for (const [name, entry] of Object.entries(tensors)) {
    if (!isStoredTensor(entry)) throw corrupt(path, `its header describes the tensor '${name}' wrongly`);
    entries.set(name, entry);
    dataBytes = Math.max(dataBytes, entry.data_offsets[1]);
  }
  return { tensors: entries, metadata: metadata as Record<string, string>, dataStart: head.length, dataBytes };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** As many bytes as its shape says. */
function isStoredTensor(entry: unknown): entry is StoredTensor {
  if (!isObject(entry)) return false;
  const { dtype, shape, data_offsets: offsets } = entry;
  const areCounts = (values: unknown): values is number[] =>
    Array.isArray(values) && values.every((value) => Number.isSafeInteger(value) && value >= 0);
  if (typeof dtype !== "string" || !Object.hasOwn(itemSizes, dtype) || !areCounts(shape) || !areCounts(offsets))
    return false;
  const [begin = 0, end = -1] = offsets;
  const itemSize = itemSizes[dtype as StoredType];
  return offsets.length === 2 && end - begin === shape.reduce((product, size) => product * size, itemSize);
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
    return summarySchema.parse(JSON.parse(json)) as unknown as CheckpointSummary;
  } catch (cause) {
    throw corrupt(path, "the summary in its header is damaged", cause);
  }
}

/**
 * Checks a whole file against its digest.
 * @throws LightningError `checkpoint/corrupt`
 */
export function verify(file: Buffer, header: CheckpointHeader, path: string): void {
  const expected = header.dataStart + header.dataBytes;
  if (file.length !== expected) throw corrupt(path, `it has ${file.length} bytes where ${expected} are due`);
  const { checksum } = header.metadata;
  if (checksum === undefined) {
    // Weights alone, of another program: they are not a run's state.
    if (header.metadata["state"] === undefined) return;
    throw corrupt(path, "it has no checksum");
  }
  const head = Buffer.from(file.subarray(0, header.dataStart));
  const place = digestPlace(head, "checksum");
  if (place < 0) throw corrupt(path, "its header is damaged");
  head.write(digestPlaceholder, place, "latin1");
  const digest = createHash("sha256").update(head).update(file.subarray(header.dataStart)).digest("hex");
  if (digest !== checksum) throw corrupt(path, "its content does not match its checksum");
}

/** @throws LightningError when a newer version of this package wrote it. */
export function checkVersion(metadata: Readonly<Record<string, string>>, path: string): void {
  const version = Number(metadata["format_version"] ?? formatVersion);
  if (version > formatVersion) {
    throw new LightningError({
      code: "checkpoint/version",
      what: `the checkpoint is of format version ${version}, and this program reads up to ${formatVersion}`,
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
    fix: "use an earlier checkpoint; this file was cut off or changed after it was written",
    cause,
  });
}
