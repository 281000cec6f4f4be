import { TorchError } from "../errors.ts";
import { native } from "../native/load.ts";
import type { Device, DType, TypedArray } from "./dtype.ts";
import { typedArrayOf } from "./dtype.ts";
import { Tensor } from "./tensor.ts";

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

/** float32 for numbers, int64 for bigints, bool for booleans; where they are mixed, what holds them all. */
function defaultDtype(data: Nested): DType {
  const kinds = new Set<string>();
  const visit = (value: Nested): boolean => {
    if (Array.isArray(value)) return value.some(visit);
    kinds.add(typeof value);
    return typeof value === "number";
  };
  if (visit(data) || kinds.size === 0) return "float32";
  return kinds.has("bigint") ? "int64" : "bool";
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

const integerBits: Partial<Record<DType, number>> = { int64: 64, int32: 32, int16: 16, int8: 8, uint8: 8 };

/** Where the integers that an array of this dtype takes begin and end; uint8 takes -1 as 255, as PyTorch does. */
function limitsOf(dtype: DType): readonly [number, number] | undefined {
  const bits = integerBits[dtype];
  if (bits === undefined) return undefined;
  return dtype === "uint8" ? [-255, 255] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

/** What turns a leaf into an element. @throws TorchError for what is not a number or does not fit the dtype */
function elementOf(memory: DType, dtype: DType): (value: unknown) => number | bigint {
  const limits = limitsOf(memory);
  const refuse = (what: string) => new TorchError({ code: "torch/value", what });
  return (value) => {
    const kind = typeof value;
    if (kind !== "number" && kind !== "boolean" && kind !== "bigint") {
      throw refuse(`expected a number, a bigint or a boolean, received ${value === null ? "null" : kind}`);
    }
    const number = Number(value);
    if (memory === "bool") return Number(number !== 0);
    if (limits === undefined) return number;
    const whole = Math.trunc(number);
    const fits = memory === "int64" ? isInt64(value) : whole >= limits[0] && whole <= limits[1];
    if (!fits) throw refuse(`value ${String(value)} cannot be converted to ${dtype} without overflow`);
    return memory === "int64" ? (kind === "bigint" ? (value as bigint) : BigInt(whole)) : whole;
  };
}

export function isInt64(value: unknown): boolean {
  if (typeof value === "bigint") return BigInt.asIntN(64, value) === value;
  return Number(value) >= -(2 ** 63) && Number(value) < 2 ** 63;
}

/** A tensor with the values of nested arrays; see `tensor`. */
export function fromNested(data: Nested, options: TensorOptions = {}): Tensor {
  const dtype = options.dtype ?? defaultDtype(data);
  const memory = memoryDtype(dtype);
  const shape = shapeOf(data);
  const length = shape.reduce((product, size) => product * size, 1);
  const array = new (typedArrayOf(memory)!)(length);
  const element = elementOf(memory, dtype);
  fill(data, shape, 0, 0, (i, value) => {
    array[i] = element(value) as never;
  });
  const made = new Tensor(native.fromBytes(bytesOf(array), shape, memory));
  return finish(made, memory, { ...options, dtype });
}

export function bytesOf(array: TypedArray | Uint32Array | BigUint64Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
