import { TorchError } from "../errors.ts";
import { native } from "../native/load.ts";
import type { Device, DType, TypedArray } from "./dtype.ts";
import { dtypeOfArray, typedArrayOf } from "./dtype.ts";
import type { Tensor } from "./tensor.ts";
import { wrap } from "./wrap.ts";

/** Numbers, booleans or bigints in arrays of arrays of one length each. */
export type Nested = number | boolean | bigint | readonly Nested[];

export interface TensorOptions {
  readonly dtype?: DType;
  readonly device?: Device;
  readonly requiresGrad?: boolean;
}

/** Finishes a CPU tensor in its memory dtype: converts, moves, and marks it for autograd. */
export function finish(made: Tensor, memoryDtype: DType, options: TensorOptions): Tensor {
  const { dtype = memoryDtype, device = "cpu", requiresGrad = false } = options;
  const placed = dtype === memoryDtype && device === "cpu" ? made : made.to({ dtype, device });
  if (placed !== made) made.dispose();
  if (requiresGrad) native.setRequiresGrad(placed.handle, true);
  return placed;
}

function shapeOf(data: Nested): number[] {
  const shape: number[] = [];
  for (let level: Nested | undefined = data; Array.isArray(level); level = level[0] as Nested | undefined) {
    shape.push(level.length);
  }
  return shape;
}

function leafOf(data: Nested): number | boolean | bigint | undefined {
  let level: Nested | undefined = data;
  while (Array.isArray(level)) level = level[0] as Nested | undefined;
  return level as number | boolean | bigint | undefined;
}

/** float32 for numbers, int64 for bigints, bool for booleans. */
function defaultDtype(data: Nested): DType {
  const leaf = leafOf(data);
  return typeof leaf === "boolean" ? "bool" : typeof leaf === "bigint" ? "int64" : "float32";
}

function fill(
  data: Nested,
  shape: readonly number[],
  depth: number,
  at: number,
  store: (i: number, v: Nested) => void,
): number {
  if (depth === shape.length) {
    if (Array.isArray(data)) throw ragged(shape, depth);
    store(at, data);
    return at + 1;
  }
  if (!Array.isArray(data) || data.length !== shape[depth]) throw ragged(shape, depth);
  let next = at;
  for (const element of data) next = fill(element, shape, depth + 1, next, store);
  return next;
}

function ragged(shape: readonly number[], depth: number): TorchError {
  return new TorchError({
    code: "torch/ragged",
    what: `nested arrays must have one length per level: expected ${shape[depth] ?? "a number"} at level ${depth}`,
    where: `shape so far [${shape.join(", ")}]`,
  });
}

/** The dtype whose JavaScript array the values go through: the 16-bit floats come from float32. */
function memoryDtype(dtype: DType): DType {
  if (dtype === "bfloat16" || dtype === "float16") return "float32";
  if (typedArrayOf(dtype) === undefined) {
    throw new TorchError({ code: "torch/dtype", what: `a ${dtype} tensor cannot be made from numbers` });
  }
  return dtype;
}

/** A tensor with the values of nested arrays; see `tensor`. */
export function fromNested(data: Nested, options: TensorOptions = {}): Tensor {
  const memory = memoryDtype(options.dtype ?? defaultDtype(data));
  const shape = shapeOf(data);
  const length = shape.reduce((product, size) => product * size, 1);
  const array = new (typedArrayOf(memory)!)(length);
  const isBig = memory === "int64";
  fill(data, shape, 0, 0, (i, value) => {
    if (isBig) (array as BigInt64Array)[i] = typeof value === "bigint" ? value : BigInt(Math.trunc(Number(value)));
    else (array as Float32Array)[i] = memory === "bool" ? Number(Number(value) !== 0) : Number(value);
  });
  const made = wrap(native.fromBytes(bytesOf(array), shape, memory));
  return finish(made, memory, { ...options, dtype: options.dtype ?? memory });
}

export function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/**
 * A tensor with a copy of a typed array's elements.
 *
 * @param dtype the tensor's dtype; the array's own when left out. A Uint16Array holds the bits of bfloat16 (or, when
 *   asked for, float16) numbers
 */
export function fromTypedArray(
  array: TypedArray,
  shape: readonly number[] = [array.length],
  options: TensorOptions = {},
): Tensor {
  const memory = array instanceof Uint16Array && options.dtype === "float16" ? "float16" : dtypeOfArray(array);
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== array.length) {
    throw new TorchError({
      code: "torch/shape",
      what: `an array of ${array.length} elements does not fill shape [${shape.join(", ")}], which has ${count}`,
    });
  }
  const copy = bytesOf(array).slice();
  if (options.dtype === "bool" && memory === "uint8") {
    return finish(wrap(native.fromBytes(copy, shape, "uint8")).to({ dtype: "bool" }), "bool", options);
  }
  return finish(wrap(native.fromBytes(copy, shape, memory)), memory, options);
}

/**
 * A tensor over existing memory, WITHOUT a copy: both see each other's writes. The tensor keeps the buffer alive.
 *
 * @param byteOffset where the first element lies; a multiple of the element's size
 * @throws TorchError if the buffer is too small
 */
export function fromBuffer(
  buffer: ArrayBuffer | SharedArrayBuffer,
  byteOffset: number,
  shape: readonly number[],
  dtype: DType,
): Tensor {
  const elementSize = typedArrayOf(dtype)?.BYTES_PER_ELEMENT ?? 1;
  if (byteOffset % elementSize !== 0) {
    throw new TorchError({
      code: "torch/alignment",
      what: `byte offset ${byteOffset} is not a multiple of ${elementSize}, the size of a ${dtype}`,
    });
  }
  try {
    return wrap(native.fromBytes(new Uint8Array(buffer, byteOffset), shape, dtype));
  } catch (error) {
    throw new TorchError({
      code: "torch/buffer",
      what: error instanceof Error ? error.message : String(error),
      where: `shape [${shape.join(", ")}] of ${dtype} at byte ${byteOffset} of ${buffer.byteLength}`,
      cause: error,
    });
  }
}
