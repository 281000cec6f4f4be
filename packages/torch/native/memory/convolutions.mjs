// Convolutions and their gradients over handles of the addon, compared with float64: what the memory checks and searches of
// this folder run. Plain JavaScript, so that nothing but the addon is under the checker.
import { createRequire } from "node:module";
import { join } from "node:path";
import { addonFolder, addonName } from "../place.mjs";

export const native = createRequire(import.meta.url)(join(addonFolder(), addonName));

const found = new Map();
/** An operator of LibTorch or of this package by its name and overload. */
export function op(name, overload = "") {
  const key = `${name}.${overload}`;
  let index = found.get(key);
  if (index === undefined) {
    index = native.operator(name, overload).index;
    found.set(key, index);
  }
  return (...values) => native.call(index, values);
}

const to = (tensor, dtype) => op("aten::to", "dtype")(tensor, dtype);

/** In the layout whose last dimension in memory is that of channels, or contiguous. */
function laidOut(tensor, channelsLast) {
  const dims = native.shape(tensor).length;
  if (!channelsLast) return op("aten::contiguous")(tensor);
  const swap = (t) => op("aten::transpose", "int")(t, 1, 2);
  if (dims === 3) return swap(op("aten::contiguous")(swap(tensor)));
  return op("aten::contiguous")(tensor, dims === 4 ? "channels_last" : "channels_last_3d");
}

function floats(tensor) {
  const dense = op("aten::contiguous")(to(op("aten::detach")(tensor), "float32"));
  const values = new Float32Array(native.numel(dense));
  native.copyBytes(dense, new Uint8Array(values.buffer));
  return values;
}

/** The largest difference relative to the largest value; infinite where one is not finite. */
export function distance(a, b) {
  const [x, y] = [floats(a), floats(b)];
  if (x.length !== y.length) return Number.POSITIVE_INFINITY;
  let [most, scale] = [0, 0];
  for (let i = 0; i < x.length; i++) {
    const difference = Math.abs(x[i] - y[i]);
    if (!(difference < Number.POSITIVE_INFINITY)) return Number.POSITIVE_INFINITY;
    most = Math.max(most, difference);
    scale = Math.max(scale, Math.abs(y[i]));
  }
  return scale === 0 ? most : most / scale;
}

/**
 * @typedef {{ shape: number[], out: number, kernel: number[], stride: number[], padding: number[], dilation?: number[],
 *   groups?: number, transposed?: boolean, dtype: "float32" | "bfloat16", channelsLast?: boolean,
 *   weightChannelsLast?: boolean }} Convolution
 */

/**
 * The operands of a case, rounded to its dtype, and the exact results of its passes.
 * @param {Convolution} c
 */
export function exact(c) {
  const dims = c.kernel.length;
  const { dilation = Array(dims).fill(1), groups = 1, transposed = false } = c;
  const [, channels] = c.shape;
  const weightShape = transposed ? [channels, c.out / groups] : [c.out, channels / groups];
  const fan = (channels / groups) * c.kernel.reduce((a, b) => a * b, 1);
  const random = (shape) => to(op("aten::randn")(shape), c.dtype);
  const x = random(c.shape);
  const weight = op("aten::mul", "Scalar")(random([...weightShape, ...c.kernel]), 2 ** -Math.round(Math.log2(fan) / 2));
  const bias = random([c.out]);
  const rest = [c.stride, c.padding, dilation, transposed, Array(dims).fill(0), groups];
  const [x64, weight64, bias64] = [x, weight, bias].map((tensor) => to(tensor, "float64"));
  const y = op("aten::convolution")(x64, weight64, bias64, ...rest);
  const gy = random(native.shape(y));
  const [gx, gw, gb] = op("aten::convolution_backward")(to(gy, "float64"), x64, weight64, [c.out], ...rest, [
    ...[true, true, true],
  ]);
  const { channelsLast = true, weightChannelsLast = true } = c;
  return {
    x: laidOut(x, channelsLast),
    weight: laidOut(weight, weightChannelsLast),
    bias,
    gy: laidOut(gy, channelsLast),
    rest,
    results: { y, gx, gw, gb },
  };
}

/** Forward and backward by an operator that autograd records. */
export function recorded(operands, call) {
  const leaves = [operands.x, operands.weight, operands.bias].map((tensor) => {
    const leaf = op("aten::detach")(tensor);
    native.setRequiresGrad(leaf, true);
    return leaf;
  });
  const y = call(...leaves);
  native.backward([y], [operands.gy], false, false, null);
  const [gx, gw, gb] = leaves.map((leaf) => native.gradient(leaf, null));
  return { y, gx, gw, gb };
}
