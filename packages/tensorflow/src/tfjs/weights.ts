import { realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { CtError, readRegularFile } from "@classifier-training/base";
import { TensorflowError } from "../errors.ts";
import type { DType } from "../graph/builder.ts";
import { bytesOf, halfFloats, itemSize } from "../graph/tensor-data.ts";
import type { JsonObject } from "./json.ts";

export interface Weight {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The real values. */
  read(): Uint8Array;
}

/** Far above what networks for images have. */
const maxBytes = 2 ** 32;

/**
 * The weights that `model.json` lists, by name; their files must lie in its folder.
 * @throws TensorflowError for a file that is missing, elsewhere, or shorter than its list
 */
export function readWeights(model: JsonObject, path: string): ReadonlyMap<string, Weight> {
  const weights = new Map<string, Weight>();
  for (const group of model.objects("weightsManifest")) {
    const shards = group.texts("paths").map((name) => readShard(path, name));
    const bytes = new Uint8Array(Buffer.concat(shards));
    let position = 0;
    for (const entry of group.objects("weights")) {
      const weight = weightOf(entry, bytes, position, path);
      if (weight === undefined) continue;
      position += weight.size;
      weights.set(weight.name, weight);
    }
  }
  return weights;
}

function readShard(path: string, name: string): Uint8Array {
  const folder = realpathSync(dirname(path));
  const bad = (what: string, cause?: unknown) =>
    new TensorflowError({
      code: "tensorflow/weights",
      what: `weights file '${name}': ${what}`,
      where: path,
      fix: "put the weights files of the model beside its model.json",
      cause,
    });
  let file: string;
  try {
    file = realpathSync(join(folder, name));
  } catch (cause) {
    throw bad("expected a file in the folder of the model, and it is missing", cause);
  }
  if (!file.startsWith(folder.endsWith(sep) ? folder : folder + sep)) throw bad("outside the folder of the model");
  try {
    return readRegularFile(file, maxBytes);
  } catch (cause) {
    if (CtError.is(cause)) throw bad(cause.problem.what, cause);
    throw cause;
  }
}

const sizes: Readonly<Record<string, number>> = { uint8: 1, uint16: 2, float16: 2 };

function weightOf(entry: JsonObject, group: Uint8Array, position: number, path: string) {
  const name = entry.text("name");
  const shape = entry.numbers("shape");
  const dtype = entry.text("dtype");
  const quantization = entry.optional("quantization");
  const bad = (what: string) =>
    new TensorflowError({ code: "tensorflow/weights", what: `weight '${name}': ${what}`, where: path });
  if (!["float32", "int32", "bool", "uint8"].includes(dtype)) throw bad(`unsupported type '${dtype}'`);
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) throw bad(`invalid shape [${shape}]`);
  const elements = shape.reduce((product, size) => product * size, 1);
  const stored = quantization?.text("dtype") ?? dtype;
  const itemBytes = quantization === undefined ? itemSize(dtype as DType) : sizes[stored];
  if (itemBytes === undefined) throw bad(`unsupported quantization '${stored}'`);
  const size = elements * itemBytes;
  if (position + size > group.length) {
    throw bad(`needs bytes ${position} to ${position + size}, and its files have ${group.length}`);
  }
  const data = group.subarray(position, position + size);
  const read = (): Uint8Array => {
    if (quantization === undefined) return data;
    if (stored === "float16") return bytesOf(halfFloats(data));
    const [scale, low] = [quantization.number("scale"), quantization.number("min")];
    const result = dtype === "int32" ? new Int32Array(elements) : new Float32Array(elements);
    for (let i = 0; i < elements; i++) {
      const code =
        stored === "uint8" ? (data[i] as number) : (data[2 * i] as number) | ((data[2 * i + 1] as number) << 8);
      result[i] = dtype === "int32" ? Math.round(code * scale + low) : code * scale + low;
    }
    return bytesOf(result);
  };
  return { name, dtype: dtype as DType, shape, size, read };
}
