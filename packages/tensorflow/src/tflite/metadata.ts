import { inflateRawSync } from "node:zlib";
import { readZipDirectory, zipDataStart } from "@classifier-training/base";
import { FlatTable } from "./flatbuffer.ts";
import type { TfliteModel } from "./model.ts";

/** What TensorFlow Lite's metadata says (https://ai.google.dev/edge/litert/models/metadata). */
export interface TfliteMetadata {
  /** Of pixels from 0 to 255, one number or one per channel. */
  readonly normalization: { readonly mean: readonly number[]; readonly std: readonly number[] } | undefined;
  readonly labels: readonly string[] | undefined;
}

const limits = { directory: 1 << 20, labels: 16 << 20 };

/** Types of the schema `metadata_schema.fbs`. */
const normalizationOptions = 1;
const labelFiles = new Set([2, 3]);

/** @throws TensorflowError for damaged metadata */
export function readTfliteMetadata(bytes: Uint8Array, model: TfliteModel, where: string): TfliteMetadata {
  const block = model.metadata.get("TFLITE_METADATA");
  if (block === undefined) return { normalization: undefined, labels: undefined };
  const graph = FlatTable.root(block, "M001", `${where} (metadata)`).tables(3)[0];
  const unit = graph
    ?.tables(2)[0]
    ?.tables(4)
    .find((one) => one.ubyte(0) === normalizationOptions)
    ?.table(1);
  const [mean, std] = [unit?.floats(0) ?? [], unit?.floats(1) ?? []];
  const files = graph?.tables(3).flatMap((output) => output.tables(6)) ?? [];
  const name = files.find((file) => labelFiles.has(file.byte(2)))?.string(0);
  return {
    normalization: isNormalization(mean, std) ? { mean, std } : undefined,
    labels: name === undefined ? undefined : labelsOf(bytes, name),
  };
}

function isNormalization(mean: readonly number[], std: readonly number[]): boolean {
  const usable = (values: readonly number[]) => [1, 3].includes(values.length) && values.every(Number.isFinite);
  return usable(mean) && usable(std) && std.every((value) => value > 0);
}

/** Associated files are a zip archive after the FlatBuffer. Undefined where it is damaged: labels are a convenience. */
function labelsOf(bytes: Uint8Array, name: string): readonly string[] | undefined {
  const source = {
    size: bytes.length,
    read(position: number, length: number) {
      if (position < 0 || position + length > bytes.length) throw new RangeError("outside the file");
      return bytes.subarray(position, position + length);
    },
  };
  try {
    const entry = readZipDirectory(source, limits.directory).find((one) => one.name === name);
    if (entry === undefined || entry.size > limits.labels || entry.encrypted) return undefined;
    const stored = source.read(zipDataStart(source, entry), entry.storedSize);
    const text = new TextDecoder().decode(
      entry.method === 8 ? inflateRawSync(stored, { maxOutputLength: limits.labels }) : stored,
    );
    const lines = text.split(/\r?\n/);
    if (lines.at(-1) === "") lines.pop();
    return lines.map((line) => line.trim());
  } catch {
    return undefined;
  }
}
