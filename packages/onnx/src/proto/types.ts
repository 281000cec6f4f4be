import type { DType } from "@classifier-training/torch";

/** Codes of `TensorProto.DataType` in the ONNX specification. */
export const tensorTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
  complex64: 14,
  complex128: 15,
} as const satisfies Record<DType, number>;

/** Codes of `AttributeProto.AttributeType` in the ONNX specification. */
export const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7, strings: 8 } as const;

const names = new Map<number, DType>(Object.entries(tensorTypes).map(([name, code]) => [code, name as DType]));

/** The dtype of an ONNX data type code; undefined for those that no tensor here has (strings, complex numbers). */
export function dtypeOf(code: number): DType | undefined {
  return names.get(code);
}

/** Bytes of one element. */
export const elementBytes: Readonly<Record<DType, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
  float64: 8,
  bfloat16: 2,
  complex64: 8,
  complex128: 16,
};
