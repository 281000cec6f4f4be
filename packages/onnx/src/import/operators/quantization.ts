import type { DType, Tensor } from "@classifier-training/torch";
import { asTensor, type Value } from "../values.ts";
import { aten, type Operator, type OperatorTable } from "./setup.ts";

const ranges: Partial<Record<DType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
};

/** One for each channel, in the shape in which it meets a tensor. */
function along(value: Tensor, axis: number, rank: number): Tensor {
  if (value.numel === 1 || value.ndim !== 1) return value;
  return value.reshape(Array.from({ length: rank }, (_, i) => (i === (axis + rank) % rank ? value.numel : 1)));
}

/** Quantized values stay float tensors of integers: every operator takes them, and gradients pass. */
const quantize: Operator = (setup) => {
  const axis = setup.number("axis", 1);
  return (x, scale, zero) => {
    const value = asTensor(x as Value);
    const [low, high] = ranges[zero?.dtype ?? "uint8"] ?? [0, 255];
    const steps = value.div(along(asTensor(scale as Value), axis, value.ndim)).round();
    const shifted = zero === undefined ? steps : steps.add(along(asTensor(zero), axis, value.ndim));
    return shifted.clamp(low, high);
  };
};

const dequantize: Operator = (setup) => {
  const axis = setup.number("axis", 1);
  return (x, scale, zero) => {
    const value = asTensor(x as Value).to({ dtype: "float32" });
    const centered =
      zero === undefined ? value : value.sub(along(asTensor(zero).to({ dtype: "float32" }), axis, value.ndim));
    return centered.mul(along(asTensor(scale as Value), axis, value.ndim));
  };
};

/** The range of a tensor, with zero in it, on 0 to 255. */
const dynamic: Operator = () => (x) => {
  const value = asTensor(x as Value);
  const [low, high] = [value.min().clamp(null as never, 0), value.max().clamp(0)];
  const scale = high.sub(low).div(255);
  const zero = low.neg().div(scale).round().clamp(0, 255);
  return [value.div(scale).round().add(zero).clamp(0, 255), scale, zero];
};

/** Sums of products of integers, which float64 holds exactly. */
function centered(value: Value | undefined, zero: Value | undefined, axis: number): Tensor {
  const wide = asTensor(value as Value).to({ dtype: "float64" });
  if (zero === undefined) return wide;
  return wide.sub(along(asTensor(zero).to({ dtype: "float64" }), axis, wide.ndim));
}

const matMulInteger: Operator = () => (a, b, zeroA, zeroB) =>
  centered(a, zeroA, -2)
    .matmul(centered(b, zeroB, -1))
    .to({ dtype: "float32" });

const convInteger: Operator = (setup) => {
  const strides = setup.numbers("strides") ?? [1, 1];
  const dilations = setup.numbers("dilations") ?? [1, 1];
  const pads = setup.numbers("pads") ?? [0, 0, 0, 0];
  const group = setup.number("group", 1);
  if (setup.text("auto_pad", "NOTSET") !== "NOTSET") throw setup.unsupported("auto_pad");
  if (pads[0] !== pads[2] || pads[1] !== pads[3]) throw setup.unsupported("padding that differs between the ends");
  return (x, weight, zeroX, zeroW) => {
    const [image, kernel] = [centered(x, zeroX, 1), centered(weight, zeroW, 0)];
    const out = aten("conv2d", image, kernel, null, [...strides], [pads[0] ?? 0, pads[1] ?? 0], [...dilations], group);
    return (out as Tensor).to({ dtype: "float32" });
  };
};

export const quantizationOperators: OperatorTable = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
  DynamicQuantizeLinear: dynamic,
  MatMulInteger: matMulInteger,
  ConvInteger: convInteger,
};
