import type { GraphTensor } from "@classifier-training/onnx";

type DType = GraphTensor["dtype"];

const itemSizes: Readonly<Partial<Record<DType, number>>> = {
  float64: 8,
  int64: 8,
  float32: 4,
  int32: 4,
  float16: 2,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** Bytes of an element. */
export function itemSize(dtype: DType): number {
  return itemSizes[dtype] ?? 0;
}

export function bytesOf(array: Float32Array | BigInt64Array | Int32Array | Int8Array | Uint8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

export function floatBytes(values: readonly number[]): Uint8Array {
  return bytesOf(Float32Array.from(values));
}

export function int64Bytes(values: readonly number[]): Uint8Array {
  return bytesOf(BigInt64Array.from(values, BigInt));
}

/** The elements in another order of the axes. */
export function permuteBytes(
  data: Uint8Array,
  size: number,
  shape: readonly number[],
  order: readonly number[],
): Uint8Array {
  const rank = shape.length;
  const strides = new Array<number>(rank).fill(1);
  for (let i = rank - 2; i >= 0; i--) strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  const sizes = order.map((axis) => shape[axis] as number);
  const steps = order.map((axis) => strides[axis] as number);
  const result = new Uint8Array(data.length);
  const index = new Array<number>(rank).fill(0);
  let from = 0;
  for (let to = 0; to < data.length; to += size) {
    for (let b = 0; b < size; b++) result[to + b] = data[from * size + b] as number;
    for (let axis = rank - 1; axis >= 0; axis--) {
      index[axis] = (index[axis] as number) + 1;
      from += steps[axis] as number;
      if ((index[axis] as number) < (sizes[axis] as number)) break;
      from -= (steps[axis] as number) * (sizes[axis] as number);
      index[axis] = 0;
    }
  }
  return result;
}

/** Integers of a small constant, for shapes, axes and paddings. Undefined for floats. */
export function integersOf(dtype: DType, data: Uint8Array): number[] | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const count = data.byteLength / itemSize(dtype);
  const read = {
    int64: (i: number) => Number(view.getBigInt64(8 * i, true)),
    int32: (i: number) => view.getInt32(4 * i, true),
    int16: (i: number) => view.getInt16(2 * i, true),
    int8: (i: number) => view.getInt8(i),
    uint8: (i: number) => view.getUint8(i),
    bool: (i: number) => view.getUint8(i),
  }[dtype as string];
  return read && Array.from({ length: count }, (_, i) => read(i));
}

/** Half-precision elements as float32. */
export function halfFloats(bytes: Uint8Array): Float32Array {
  const result = new Float32Array(bytes.length >> 1);
  for (let i = 0; i < result.length; i++) {
    result[i] = fromFloat16Bits((bytes[2 * i] as number) | ((bytes[2 * i + 1] as number) << 8));
  }
  return result;
}

function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
