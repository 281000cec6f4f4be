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
