import { type Device, type DType, fromBuffer, keep, Tensor, unscoped } from "@classifier-training/torch";
import { OnnxError } from "../errors.ts";
import { encode, rawData } from "../graph/data.ts";
import { fromFloat16Bits } from "../graph/float16.ts";
import type { GraphTensor } from "./graph.ts";

/** A few numbers on the host: sizes, axes and factors are computed without LibTorch. */
export class HostValue {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly numbers: readonly number[];
  readonly #tensors = new Map<Device, Tensor>();
  readonly #make: ((device: Device) => Tensor) | undefined;

  /** @param make the same by an operator of LibTorch, for numbers that depend on sizes: an export records it */
  constructor(dtype: DType, shape: readonly number[], numbers: readonly number[], make?: (device: Device) => Tensor) {
    this.dtype = dtype;
    this.shape = shape;
    this.numbers = numbers;
    this.#make = make;
  }

  /** The same as a tensor where the network runs; it lives as long as this value. */
  tensor(): Tensor {
    const known = this.#tensors.get(device);
    if (known !== undefined) return known;
    const made = this.#make?.(device) ?? tensorOfNumbers(this);
    this.#tensors.set(device, made);
    return made;
  }
}

let device: Device = "cpu";

/** Where the network runs. */
export function currentDevice(): Device {
  return device;
}

/** Runs a network on a device: what it has on the host goes there. */
export function onDevice<T>(place: Device, fn: () => T): T {
  const outer = device;
  device = place;
  try {
    return fn();
  } finally {
    device = outer;
  }
}

/** A value between two nodes. */
export type Value = Tensor | HostValue;

/** Values of so many elements may be numbers on the host. */
export const mostOnHost = 64;

/** No value that a file asks for may have more elements: what a network of images needs is far below. */
const mostElements = 2 ** 26;

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** @throws OnnxError for a size that no network needs, before it is allocated */
export function checkedSize(shape: readonly number[], what: string): readonly number[] {
  const elements = elementCount(shape);
  if (elements <= mostElements && shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return shape;
  throw new OnnxError({ code: "onnx/size", what: `${what} would have the shape [${shape.join(", ")}]` });
}

export function hostValue(value: number | readonly number[], dtype: DType = "int64"): HostValue {
  return typeof value === "number" ? new HostValue(dtype, [], [value]) : new HostValue(dtype, [value.length], value);
}

/** A constant as what nodes compute with. */
export function constantValue(tensor: GraphTensor): Value {
  const elements = tensor.shape.reduce((product, size) => product * size, 1);
  if (elements <= mostOnHost && tensor.shape.length <= 2 && !tensor.dtype.startsWith("complex"))
    return new HostValue(tensor.dtype, tensor.shape, numbersOf(tensor));
  return tensorOf(tensor);
}

export function asTensor(value: Value): Tensor {
  return value instanceof Tensor ? value : value.tensor();
}

/** The integers of a value; a tensor's are read. */
export function integersOf(value: Value): readonly number[] {
  return value instanceof Tensor
    ? Array.from(value.toTypedArray() as ArrayLike<number | bigint>, Number)
    : value.numbers;
}

/** A constant as a tensor of its dtype, in memory of its own. */
export function tensorOf({ dtype, shape, data }: GraphTensor): Tensor {
  // Bytes of a file start anywhere, and are the file's: a tensor's are aligned and its own.
  return unscoped(() => keep(fromBuffer(Uint8Array.from(data).buffer, 0, shape, dtype)));
}

/** A value as a constant of a graph. */
export function graphTensorOf(value: Value): GraphTensor {
  const tensor = asTensor(value).detach();
  return { dtype: tensor.dtype, shape: [...tensor.shape], data: rawData(tensor) };
}

const readers: Partial<Record<DType, (data: DataView, i: number) => number>> = {
  float32: (data, i) => data.getFloat32(4 * i, true),
  float64: (data, i) => data.getFloat64(8 * i, true),
  float16: (data, i) => fromFloat16Bits(data.getUint16(2 * i, true)),
  int64: (data, i) => Number(data.getBigInt64(8 * i, true)),
  int32: (data, i) => data.getInt32(4 * i, true),
  int16: (data, i) => data.getInt16(2 * i, true),
  int8: (data, i) => data.getInt8(i),
  uint8: (data, i) => data.getUint8(i),
  bool: (data, i) => data.getUint8(i),
};

/** All elements of a constant. */
export function numbersOf({ dtype, shape, data }: GraphTensor): number[] {
  const read =
    readers[dtype] ??
    ((view, i) => new Float32Array(Uint32Array.of(view.getUint16(2 * i, true) << 16).buffer)[0] as number);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => read(view, i));
}

function tensorOfNumbers({ dtype, shape, numbers }: HostValue): Tensor {
  const made = tensorOf({ dtype, shape, data: encode(numbers, dtype) });
  return device === "cpu" ? made : unscoped(() => keep(made.to({ device })));
}
