import type { DType, Tensor } from "@classifier-training/torch";
import { OnnxError } from "../errors.ts";
import { toFloat16Bits } from "./float16.ts";

/** Numbers as the little-endian bytes of a dtype. */
export function encode(values: readonly number[], dtype: DType): Uint8Array {
  return bytesOf(typed(values, dtype));
}

function typed(values: readonly number[], dtype: DType): ArrayBufferView {
  switch (dtype) {
    case "float32":
      return Float32Array.from(values);
    case "float64":
      return Float64Array.from(values);
    case "float16":
      return Uint16Array.from(values, toFloat16Bits);
    case "bfloat16":
      return Uint16Array.from(values, toBFloat16Bits);
    case "int64":
      return BigInt64Array.from(values.map((value) => BigInt(Math.trunc(value))));
    case "int32":
      return Int32Array.from(values);
    case "int16":
      return Int16Array.from(values);
    case "int8":
      return Int8Array.from(values);
    case "uint8":
      return Uint8Array.from(values);
    case "bool":
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
    default:
      throw new OnnxError({ code: "onnx/unsupported", what: `constants of dtype ${dtype} cannot be exported` });
  }
}

/** A tensor's elements as ONNX's raw bytes. @param tensor Any device and layout. */
export function rawData(tensor: Tensor): Uint8Array {
  const values = tensor.toTypedArray() as ArrayBufferView;
  if (values instanceof Float32Array && tensor.dtype !== "float32") return encode([...values], tensor.dtype);
  return bytesOf(values);
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

const floatBits = new Float32Array(1);
const intBits = new Uint32Array(floatBits.buffer);

/** The upper half of a float32, rounded to nearest even. */
function toBFloat16Bits(value: number): number {
  floatBits[0] = value;
  const bits = intBits[0] as number;
  if (Number.isNaN(value)) return 0x7fc0;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
