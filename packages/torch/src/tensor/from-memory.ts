import { types } from "node:util";
import { markAsUntransferable } from "node:worker_threads";
import { TorchError } from "../errors.ts";
import { native } from "../native/load.ts";
import { type DType, dtypeOfArray, type TypedArray, typedArrayName, typedArrayOf } from "./dtype.ts";
import { bytesOf, finish, isInt64, type TensorOptions } from "./nested.ts";
import { Tensor } from "./tensor.ts";

/** Unsigned integers, which LibTorch has of 8 bits only, as signed ones that hold them. */
function signed(array: TypedArray | Uint32Array | BigUint64Array): TypedArray {
  const name = typedArrayName(array);
  if (name === "Uint32Array") return BigInt64Array.from(array as Uint32Array, BigInt);
  if (name !== "BigUint64Array") return array as TypedArray;
  const large = (array as BigUint64Array).find((value) => !isInt64(value));
  if (large === undefined) return BigInt64Array.from(array as BigUint64Array);
  throw new TorchError({ code: "torch/value", what: `value ${large} cannot be converted to int64 without overflow` });
}

/**
 * A tensor with a copy of a typed array's elements.
 *
 * @param array of this realm or another (Jest, `vm`); Uint32Array and BigUint64Array become int64
 * @param dtype the tensor's dtype; the array's own when left out. A Uint16Array holds the bits of bfloat16 (or, when
 *   asked for, float16) numbers
 * @throws TorchError when it is not a typed array, its buffer was transferred, or it does not fill the shape
 */
export function fromTypedArray(
  array: TypedArray | Uint32Array | BigUint64Array,
  shape: readonly number[] = [array.length],
  options: TensorOptions = {},
): Tensor {
  const source = signed(array);
  const own = dtypeOfArray(source);
  if (own === undefined) {
    throw new TorchError({ code: "torch/dtype", what: `expected a typed array, received ${describe(array)}` });
  }
  if (isDetached(source.buffer)) throw detached("the array");
  const memory = own === "bfloat16" && options.dtype === "float16" ? "float16" : own;
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== source.length) {
    throw new TorchError({
      code: "torch/shape",
      what: `an array of ${source.length} elements does not fill shape [${shape.join(", ")}], which has ${count}`,
    });
  }
  const copy = bytesOf(source).slice();
  if (options.dtype === "bool" && memory === "uint8") {
    return finish(new Tensor(native.fromBytes(copy, shape, "uint8")).to({ dtype: "bool" }), "bool", options);
  }
  return finish(new Tensor(native.fromBytes(copy, shape, memory)), memory, options);
}

/**
 * A tensor over existing memory, WITHOUT a copy: both see each other's writes. The tensor keeps the buffer alive, and an
 * ArrayBuffer cannot be transferred from then on: to send it to another thread copies it.
 *
 * @param byteOffset where the first element lies; a multiple of the element's size
 * @throws TorchError if the buffer is too small, was transferred, or is an ArrayBuffer that can shrink
 */
export function fromBuffer(
  buffer: ArrayBuffer | SharedArrayBuffer,
  byteOffset: number,
  shape: readonly number[],
  dtype: DType,
): Tensor {
  checkBuffer(buffer);
  const elementSize = typedArrayOf(dtype)?.BYTES_PER_ELEMENT ?? 1;
  if (byteOffset % elementSize !== 0) {
    throw new TorchError({
      code: "torch/alignment",
      what: `byte offset ${byteOffset} is not a multiple of ${elementSize}, the size of a ${dtype}`,
    });
  }
  const where = `shape [${shape.join(", ")}] of ${dtype} at byte ${byteOffset} of ${buffer.byteLength}`;
  const needed = shape.reduce((product, size) => product * size, elementSize);
  const available = buffer.byteLength - byteOffset;
  if (!(needed <= available)) {
    const what = `the buffer has ${available} bytes, but the shape needs ${needed}`;
    throw new TorchError({ code: "torch/buffer", what, where });
  }
  try {
    const made = new Tensor(native.fromBytes(new Uint8Array(buffer, byteOffset, available), shape, dtype));
    if (types.isArrayBuffer(buffer)) keepInPlace(buffer);
    return made;
  } catch (error) {
    const what = types.isNativeError(error) ? error.message : String(error);
    throw new TorchError({ code: "torch/buffer", what, where, cause: error });
  }
}

function checkBuffer(buffer: ArrayBuffer | SharedArrayBuffer): void {
  if (!types.isAnyArrayBuffer(buffer)) {
    throw new TorchError({
      code: "torch/buffer",
      what: `expected an ArrayBuffer or a SharedArrayBuffer, received ${describe(buffer)}`,
      fix: ArrayBuffer.isView(buffer) ? "pass its buffer and byteOffset, or copy with fromTypedArray" : undefined,
    });
  }
  if (isDetached(buffer)) throw detached("the buffer");
  // A SharedArrayBuffer can only grow, in place.
  if (types.isArrayBuffer(buffer) && "resizable" in buffer && buffer.resizable === true) {
    throw new TorchError({
      code: "torch/buffer",
      what: "expected a buffer of fixed length, received a resizable one: its memory could be freed under the tensor",
      fix: "copy it with fromTypedArray",
    });
  }
}

/** Transferred, the memory would belong to another thread and be freed by it. */
function keepInPlace(buffer: ArrayBuffer): void {
  markAsUntransferable(buffer);
  for (const name of ["transfer", "transferToFixedLength"]) {
    if (!(name in buffer) || Object.hasOwn(buffer, name)) continue;
    const value = () => {
      throw new TorchError({ code: "torch/buffer", what: "the memory of a tensor cannot be transferred" });
    };
    Object.defineProperty(buffer, name, { value });
  }
}

function isDetached(buffer: ArrayBufferLike): boolean {
  if (buffer.byteLength > 0 || types.isSharedArrayBuffer(buffer)) return false;
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

function detached(what: string): TorchError {
  return new TorchError({
    code: "torch/buffer",
    what: `${what} has no memory any more: it was transferred to another thread or buffer`,
    fix: "make the tensor before the transfer, or leave the buffer out of the transfer list",
  });
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  return `a ${value.constructor?.name ?? "object"}`;
}
