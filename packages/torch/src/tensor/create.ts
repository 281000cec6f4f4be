import { native } from "../native/load.ts";
import { bind } from "../ops/dispatch.ts";
import type { Generator } from "../random.ts";
import type { DType, MemoryFormat } from "./dtype.ts";
import { fromNested, type Nested, type TensorOptions } from "./nested.ts";
import type { Tensor } from "./tensor.ts";

const callEmpty = bind("aten::empty.memory_format");
const callZeros = bind("aten::zeros");
const callOnes = bind("aten::ones");
const callFull = bind("aten::full");
const callRand = bind("aten::rand.generator");
const callRandn = bind("aten::randn.generator");
const callRandint = bind("aten::randint.low_generator");
const callRandperm = bind("aten::randperm.generator");
const [callBernoulli, callMultinomial] = [bind("aten::bernoulli"), bind("aten::multinomial")];
const callLogspace = bind("aten::logspace");
const callMeshgrid = bind<Tensor[]>("aten::meshgrid.indexing");
const callEye = bind("aten::eye.m");
const callLinspace = bind("aten::linspace");
const callArange = bind("aten::arange.start_step");
const callFullLike = bind("aten::full_like");

export type Shape = readonly number[];

export interface EmptyOptions extends TensorOptions {
  readonly memoryFormat?: MemoryFormat;
}

/** For tensors of random numbers. */
export interface RandomOptions extends TensorOptions {
  /** Where the numbers come from; the device's own source when left out. */
  readonly generator?: Generator;
}

function marked(tensor: Tensor, requiresGrad: boolean | undefined): Tensor {
  if (requiresGrad) native.setRequiresGrad(tensor.handle, true);
  return tensor;
}

/**
 * A tensor with the values of nested arrays: `tensor([[1, 2], [3, 4]])`. JavaScript has one number type, so numbers are
 * float32 unless `dtype` says otherwise; booleans are bool, bigints int64.
 */
export function tensor(data: Nested, options: TensorOptions = {}): Tensor {
  return fromNested(data, options);
}

/** Uninitialized memory. */
export function empty(
  shape: Shape,
  { dtype = "float32", device, requiresGrad, memoryFormat }: EmptyOptions = {},
): Tensor {
  return marked(callEmpty(shape, dtype, undefined, device, undefined, memoryFormat), requiresGrad);
}

export function zeros(shape: Shape, { dtype = "float32", device, requiresGrad }: TensorOptions = {}): Tensor {
  return marked(callZeros(shape, dtype, undefined, device), requiresGrad);
}

export function ones(shape: Shape, { dtype = "float32", device, requiresGrad }: TensorOptions = {}): Tensor {
  return marked(callOnes(shape, dtype, undefined, device), requiresGrad);
}

export function full(shape: Shape, value: number | boolean, options: TensorOptions = {}): Tensor {
  const { dtype = typeof value === "boolean" ? "bool" : "float32", device, requiresGrad } = options;
  return marked(callFull(shape, value, dtype, undefined, device), requiresGrad);
}

/** Uniform in [0, 1). */
export function rand(shape: Shape, { dtype = "float32", device, requiresGrad, generator }: RandomOptions = {}): Tensor {
  return marked(callRand(shape, generator, dtype, undefined, device), requiresGrad);
}

/** Standard normal. */
export function randn(
  shape: Shape,
  { dtype = "float32", device, requiresGrad, generator }: RandomOptions = {},
): Tensor {
  return marked(callRandn(shape, generator, dtype, undefined, device), requiresGrad);
}

/** Integers in [low, high), or in [0, high): int64 unless `dtype` says otherwise. */
export function randint(high: number, shape: Shape, options?: RandomOptions): Tensor;
export function randint(low: number, high: number, shape: Shape, options?: RandomOptions): Tensor;
export function randint(
  first: number,
  second: number | Shape,
  third?: Shape | RandomOptions,
  fourth: RandomOptions = {},
): Tensor {
  const fromZero = typeof second !== "number";
  const [low, high, shape] = fromZero ? [0, first, second] : [first, second, third as Shape];
  const options = fromZero ? ((third as RandomOptions | undefined) ?? {}) : fourth;
  const { dtype = "int64", device, generator, requiresGrad } = options;
  return marked(callRandint(low, high, shape, generator, dtype, undefined, device), requiresGrad);
}
/** A random order of 0 .. n-1, int64. */
export function randperm(n: number, { dtype = "int64", device, generator, requiresGrad }: RandomOptions = {}): Tensor {
  return marked(callRandperm(n, generator, dtype, undefined, device), requiresGrad);
}
/** Ones with the probabilities that `p` holds, else zeros. */
export function bernoulli(p: Tensor, { generator }: { readonly generator?: Generator } = {}): Tensor {
  return callBernoulli(p, generator);
}
/** `count` indices drawn by the weights in the last dimension of `weights`, int64 [..., count]. */
export function multinomial(
  weights: Tensor,
  count: number,
  { replacement = false, generator }: { readonly replacement?: boolean; readonly generator?: Generator } = {},
): Tensor {
  return callMultinomial(weights, count, replacement, generator);
}
export function eye(
  rows: number,
  columns = rows,
  { dtype = "float32", device, requiresGrad }: TensorOptions = {},
): Tensor {
  return marked(callEye(rows, columns, dtype, undefined, device), requiresGrad);
}

export function linspace(
  start: number,
  end: number,
  steps: number,
  { dtype = "float32", device, requiresGrad }: TensorOptions = {},
): Tensor {
  return marked(callLinspace(start, end, steps, dtype, undefined, device), requiresGrad);
}

/** `base ** start` to `base ** end` in steps of equal ratio. */
export function logspace(
  start: number,
  end: number,
  steps: number,
  { base = 10, dtype = "float32", device, requiresGrad }: TensorOptions & { readonly base?: number } = {},
): Tensor {
  return marked(callLogspace(start, end, steps, base, dtype, undefined, device), requiresGrad);
}
/** The coordinates of a grid, one tensor a dimension; rows first unless `indexing` is `xy`. */
export function meshgrid(
  axes: readonly Tensor[],
  { indexing = "ij" }: { readonly indexing?: "ij" | "xy" } = {},
): Tensor[] {
  return callMeshgrid(axes, indexing);
}
/** `arange(end)`, `arange(start, end, step)`: int64 when all three are integers, else float32. */
export function arange(end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, step?: number, options?: TensorOptions): Tensor;
export function arange(first: number, second?: number | TensorOptions, third = 1, fourth: TensorOptions = {}): Tensor {
  const single = typeof second !== "number";
  const [start, end, step] = single ? [0, first, 1] : [first, second, third];
  const { dtype, device, requiresGrad } = single ? (second ?? {}) : fourth;
  const inferred: DType = [start, end, step].every(Number.isInteger) ? "int64" : "float32";
  return marked(callArange(start, end, step, dtype ?? inferred, undefined, device), requiresGrad);
}

interface LikeOptions extends TensorOptions {
  readonly memoryFormat?: MemoryFormat;
}

function like(name: string): (other: Tensor, options?: LikeOptions) => Tensor {
  const make = bind(`aten::${name}_like`);
  return (other, { dtype, device, memoryFormat, requiresGrad } = {}) =>
    marked(make(other, dtype, undefined, device, undefined, memoryFormat), requiresGrad);
}

/** As the function without `Like`, with the shape, dtype, device and memory format of a tensor. */
export const emptyLike: (other: Tensor, options?: LikeOptions) => Tensor = like("empty");
export const zerosLike: (other: Tensor, options?: LikeOptions) => Tensor = like("zeros");
export const onesLike: (other: Tensor, options?: LikeOptions) => Tensor = like("ones");
export const randLike: (other: Tensor, options?: LikeOptions) => Tensor = like("rand");
export const randnLike: (other: Tensor, options?: LikeOptions) => Tensor = like("randn");

export function fullLike(other: Tensor, value: number, options: LikeOptions = {}): Tensor {
  const { dtype, device, memoryFormat, requiresGrad } = options;
  return marked(callFullLike(other, value, dtype, undefined, device, undefined, memoryFormat), requiresGrad);
}
