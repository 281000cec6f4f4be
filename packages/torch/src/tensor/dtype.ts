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

/** The typed array with the dtype's memory layout; the 16-bit floats have none and are raw here. */
export function typedArrayOf(dtype: DType): (typeof arrays)[keyof typeof arrays] | undefined {
  return dtype in arrays ? arrays[dtype as keyof typeof arrays] : undefined;
}

/** Bytes of one element. */
export function itemSize(dtype: DType): number {
  if (isComplex(dtype)) return dtype === "complex64" ? 8 : 16;
  return (typedArrayOf(dtype) as { readonly BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
}

const nameOfArray = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)?.get;

/**
 * The class of a typed array, `"Float32Array"`, of any realm: an array of another one (Jest, `vm`) is not an
 * `instanceof` of this one's. Undefined for everything else.
 */
export function typedArrayName(value: unknown): string | undefined {
  return nameOfArray?.call(value) as string | undefined;
}

const dtypesByArray: Readonly<Record<string, DType>> = {
  Float32Array: "float32",
  Float64Array: "float64",
  Float16Array: "float16",
  BigInt64Array: "int64",
  Int32Array: "int32",
  Int16Array: "int16",
  Int8Array: "int8",
  Uint8Array: "uint8",
  Uint8ClampedArray: "uint8",
  Uint16Array: "bfloat16",
};

/** The dtype with a typed array's memory layout; undefined where LibTorch has none. */
export function dtypeOfArray(array: unknown): DType | undefined {
  return dtypesByArray[typedArrayName(array) ?? ""];
}
