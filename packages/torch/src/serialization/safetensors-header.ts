import { type DType, itemSize } from "../tensor/dtype.ts";
import { badFile } from "./errors.ts";
import { HeaderScanner } from "./safetensors-scanner.ts";

/** The format's names of the dtypes that it and LibTorch 1.13 have. */
const dtypesByName = {
  BOOL: "bool",
  U8: "uint8",
  I8: "int8",
  I16: "int16",
  F16: "float16",
  BF16: "bfloat16",
  I32: "int32",
  F32: "float32",
  I64: "int64",
  F64: "float64",
} as const satisfies Record<string, DType>;

const namesByDtype = new Map<DType, string>(Object.entries(dtypesByName).map(([name, dtype]) => [dtype, name]));

/** One tensor of a file: `begin` and `end` are bytes from the start of the data. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of the header. */
  readonly entries: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The format's own limit for the JSON of the header. */
const maxHeaderBytes = 100_000_000;

/**
 * Length of the header from the first eight bytes of a file of `fileSize` bytes.
 * @throws SerializationError if it is longer than the file or than the format allows
 */
export function headerLength(prefix: Uint8Array, fileSize: number, where: string): number {
  if (prefix.byteLength < 8) throw badFile(where, "the file is shorter than the 8 bytes every safetensors file has");
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw badFile(where, `its header claims ${length} bytes, more than the ${maxHeaderBytes} that are allowed`, notOne);
  }
  if (length > BigInt(fileSize - 8)) {
    throw badFile(where, `its header claims ${length} bytes, but only ${fileSize - 8} follow: the file is truncated`);
  }
  return Number(length);
}

const notOne = "this does not look like a safetensors file";

/**
 * Reads and checks a header: each tensor lies within the data, is as long as its shape says, and together they cover
 * the data without a gap or an overlap.
 * @param json the header's bytes, without the length before them
 * @param dataSize bytes that follow the header; undefined where nobody will read them
 */
export function parseHeader(json: Uint8Array, dataSize: number | undefined, where: string): SafetensorsHeader {
  const { tensors, metadata } = new HeaderScanner(decodeUtf8(json, where), where).read();
  const entries = [...tensors].map(([name, raw]) => checkEntry(name, raw, dataSize, where));
  let covered = 0;
  for (const { name, begin, end } of inByteOrder(entries)) {
    if (begin < covered) throw badFile(where, `tensor '${name}' overlaps the one before it`);
    if (begin > covered) throw badFile(where, `${begin - covered} bytes before tensor '${name}' belong to no tensor`);
    covered = end;
  }
  if (dataSize !== undefined && covered < dataSize)
    throw badFile(where, `${dataSize - covered} bytes at the end belong to no tensor`);
  return { entries, metadata };
}

function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw badFile(where, "its header is not UTF-8", notOne);
  }
}

function checkEntry(
  name: string,
  { dtype, shape, offsets }: { dtype: string; shape: readonly number[]; offsets: readonly [number, number] },
  dataSize: number | undefined,
  where: string,
): TensorEntry {
  const known = dtypesByName[dtype as keyof typeof dtypesByName];
  if (!Object.hasOwn(dtypesByName, dtype)) {
    const all = Object.keys(dtypesByName).join(", ");
    throw badFile(where, `tensor '${name}' has dtype ${JSON.stringify(dtype)}`, `the ones supported are ${all}`);
  }
  const [begin, end] = offsets;
  if (begin > end) throw badFile(where, `tensor '${name}' ends at byte ${end}, before it begins at ${begin}`);
  if (dataSize !== undefined && end > dataSize) {
    throw badFile(
      where,
      `tensor '${name}' ends at byte ${end} of the data, which has ${dataSize}: the file is truncated or corrupt`,
    );
  }
  let bytes = itemSize(known);
  // A zero anywhere makes the tensor empty; other sizes must not overflow on the way to it.
  for (const size of shape.includes(0) ? [0] : shape) bytes *= size;
  if (bytes !== end - begin) {
    throw badFile(
      where,
      `tensor '${name}' of ${dtype} [${shape.join(", ")}] needs ${bytes} bytes, its offsets span ${end - begin}`,
    );
  }
  return { name, dtype: known, shape, begin, end };
}

/** Tensors in the order in which their bytes lie in the file. */
export function inByteOrder(entries: readonly TensorEntry[]): TensorEntry[] {
  return entries.toSorted((a, b) => a.begin - b.begin || a.end - b.end);
}

/**
 * Gives each tensor its place in a file: widest elements first, so that every one is aligned.
 * @throws SerializationError naming the tensor, for a dtype or a name that safetensors lacks
 */
export function layOut(tensors: readonly Omit<TensorEntry, "begin" | "end">[]): TensorEntry[] {
  const sized = tensors.map(({ name, dtype, shape }) => {
    if (name === "__metadata__") throw badFile(`tensor '${name}'`, "a tensor cannot have this name in safetensors");
    if (!namesByDtype.has(dtype)) throw badFile(`tensor '${name}'`, `safetensors has no dtype for ${dtype}`);
    return { name, dtype, shape, bytes: shape.reduce((product, size) => product * size, itemSize(dtype)) };
  });
  const begins = new Map<string, number>();
  let end = 0;
  for (const { name, bytes } of sized.toSorted((a, b) => itemSize(b.dtype) - itemSize(a.dtype))) {
    begins.set(name, end);
    end += bytes;
  }
  return sized.map(({ name, dtype, shape, bytes }) => {
    const begin = begins.get(name) as number;
    return { name, dtype, shape, begin, end: begin + bytes };
  });
}

/**
 * The header's bytes, with its length before them, padded with spaces so that the data starts at a multiple of 8.
 * @param entries in the order in which a reader should list them
 */
export function encodeHeader(
  entries: readonly TensorEntry[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const fields = [`"__metadata__":${JSON.stringify(metadata)}`];
  for (const { name, dtype, shape, begin, end } of entries) {
    fields.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype: namesByDtype.get(dtype), shape, data_offsets: [begin, end] })}`,
    );
  }
  const json = new TextEncoder().encode(`{${fields.join(",")}}`);
  const padded = Math.ceil(json.byteLength / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20, 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(json, 8);
  return bytes;
}
