import type { DType, GraphBuilder, Value } from "../graph/builder.ts";
import { bytesOf, halfFloats, integersOf, itemSize } from "../graph/tensor-data.ts";
import type { Quantization, TensorType, TfliteTensor } from "./model.ts";

/**
 * A constant of the file with its real values: quantized and half-precision ones become float32.
 * @param keepsQuantization Whether the graph stores the quantized ones as the file does.
 */
export function constantOf(b: GraphBuilder, tensor: TfliteTensor, keepsQuantization: boolean): Value {
  const { name, shape, type, data, quantization } = tensor;
  const elements = shape.reduce((product, size) => product * size, 1);
  const expected = type === "int4" ? Math.ceil(elements / 2) : elements * itemSize(type as DType);
  if (tensor.sparse) throw b.error(`'${name}': sparse weights are not supported`, "convert the model without sparsity");
  if (expected !== data.length || data.length === 0 || shape.some((size) => size < 0)) {
    throw b.error(`'${name}': expected ${expected} bytes of ${type} [${shape.join(", ")}], received ${data.length}`);
  }
  if (type === "float16") return b.constant(name, "float32", shape, bytesOf(halfFloats(data)));
  if (quantization === undefined) {
    if (type === "int4") throw b.error(`'${name}': int4 without a scale`);
    return b.constant(name, type as DType, shape, data);
  }
  const value = b.constant(name, "float32", shape, bytesOf(dequantized(b, tensor, quantization)));
  const dtype = quantizedTypes.get(type);
  const { scales, zeroPoints, dimension } = quantization;
  if (!keepsQuantization || dtype === undefined) return value;
  return { ...value, quantized: { dtype, data, scales, zeroPoints, axis: dimension } };
}

/** Those that ONNX's DequantizeLinear takes. */
const quantizedTypes: ReadonlyMap<TensorType, DType> = new Map([
  ["int8", "int8"],
  ["uint8", "uint8"],
  ["int32", "int32"],
]);

function dequantized(b: GraphBuilder, { name, shape, type, data }: TfliteTensor, quantization: Quantization) {
  const { scales, zeroPoints, dimension } = quantization;
  const stored = type === "int4" ? nibbles(data) : integersOf(type as DType, data);
  if (stored === undefined) throw b.error(`'${name}': a scale for ${type}`);
  const axis = scales.length === 1 ? 0 : dimension;
  const channels = scales.length === 1 ? 1 : shape[axis];
  if (scales.length !== channels) throw b.error(`'${name}': ${scales.length} scales for ${channels} channels`);
  const inner = scales.length === 1 ? 1 : shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const result = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < result.length; i++) {
    const channel = channels === 1 ? 0 : Math.floor(i / inner) % channels;
    result[i] = (scales[channel] as number) * ((stored[i] as number) - (zeroPoints[channel] as number));
  }
  return result;
}

/** Two signed numbers a byte, the low half first. */
function nibbles(data: Uint8Array): number[] {
  return Array.from({ length: 2 * data.length }, (_, i) => {
    const four = ((data[i >> 1] as number) >> (i % 2 === 0 ? 0 : 4)) & 15;
    return four > 7 ? four - 16 : four;
  });
}

/** The smallest and the largest stored number of a quantized type. */
export function storedRange(type: TensorType): readonly [number, number] | undefined {
  if (type === "uint8") return [0, 255];
  if (type === "int8") return [-128, 127];
  return type === "int16" ? [-32768, 32767] : undefined;
}
