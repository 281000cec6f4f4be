/** The element types that have a name here; LibTorch's others can be met as results of operators only. */
export const dtypes = [
  "float32",
  "float64",
  "bfloat16",
  "float16",
  "int64",
  "int32",
  "int16",
  "int8",
  "uint8",
  "bool",
  "complex64",
  "complex128",
] as const;
export type DType = (typeof dtypes)[number];

/** `"cpu"`, `"cuda"`, `"cuda:0"`, `"mps"`. */
export type Device = string;

export const memoryFormats = ["contiguous", "channels_last", "channels_last_3d", "preserve"] as const;

export type MemoryFormat = (typeof memoryFormats)[number];

export type TypedArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Uint16Array;

export function isFloatingPoint(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "bfloat16" || dtype === "float16";
}

export function isComplex(dtype: DType): boolean {
  return dtype === "complex64" || dtype === "complex128";
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  bfloat16: Uint16Array,
  float16: Uint16Array,
} as const;

/** The typed array whose elements lie in memory as the dtype's do; the 16-bit floats have none and are raw here. */
export function typedArrayOf(dtype: DType): (typeof arrays)[keyof typeof arrays] | undefined {
  return dtype in arrays ? arrays[dtype as keyof typeof arrays] : undefined;
}

/** The dtype that a typed array holds. */
export function dtypeOfArray(array: TypedArray): DType {
  if (array instanceof Float32Array) return "float32";
  if (array instanceof Float64Array) return "float64";
  if (array instanceof BigInt64Array) return "int64";
  if (array instanceof Int32Array) return "int32";
  if (array instanceof Int16Array) return "int16";
  if (array instanceof Int8Array) return "int8";
  if (array instanceof Uint16Array) return "bfloat16";
  return "uint8";
}
