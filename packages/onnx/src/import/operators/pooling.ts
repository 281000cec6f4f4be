import { nn, ones, type Tensor } from "@classifier-training/torch";
import { asTensor, type Value } from "../values.ts";
import { padded, spatialSizes, windowOf } from "./convolution.ts";
import { aten, type NodeSetup, type Operator, type OperatorTable, unary } from "./setup.ts";

function kernelOf(setup: NodeSetup): readonly number[] {
  const kernel = setup.numbers("kernel_shape");
  if (kernel !== undefined && kernel.length >= 1 && kernel.length <= 3) return kernel;
  throw setup.unsupported(`expected a kernel_shape of 1 to 3 axes, received ${kernel?.length ?? "none"}`);
}

/** Pixels that a last, incomplete window needs at the end. */
function withCeiling(
  pads: readonly number[],
  sizes: readonly number[],
  reach: readonly number[],
  strides: readonly number[],
): number[] {
  const axes = sizes.length;
  const ends = sizes.map((size, i) => {
    const [start = 0, end = 0, stride = 1] = [pads[i], pads[axes + i], strides[i]];
    const free = size + start + end - (reach[i] ?? 1);
    let windows = Math.ceil(free / stride) + 1;
    // A window that begins beyond the input and its start is left out.
    if ((windows - 1) * stride >= size + start) windows--;
    return end + Math.max(0, (windows - 1) * stride - free);
  });
  return [...pads.slice(0, axes), ...ends];
}

const maxPool: Operator = (setup) => {
  if (setup.node.outputs.length > 1 && setup.node.outputs[1] !== "")
    throw setup.unsupported("its indices are not computed");
  const kernel = kernelOf(setup);
  const { strides, dilations, pads, symmetric } = windowOf(setup, kernel);
  const isCeil = setup.number("ceil_mode", 0) === 1;
  const isPlain =
    symmetric?.every((pad, i) => 2 * pad <= (kernel[i] ?? 0)) && !isCeil && dilations.every((d) => d === 1);
  const pair = (list: readonly number[]) => [list[0] ?? 1, list[1] ?? 1] as [number, number];
  if (isPlain && kernel.length === 2)
    return (x) =>
      nn.functional.maxPool2d(asTensor(x as Value), pair(kernel), {
        stride: pair(strides),
        padding: pair(symmetric as readonly number[]),
      });
  const reach = kernel.map((k, i) => (k - 1) * (dilations[i] ?? 1) + 1);
  return (value) => {
    const x = asTensor(value as Value);
    const own = pads(spatialSizes(x, kernel.length));
    const all = isCeil ? withCeiling(own, spatialSizes(x, kernel.length), reach, strides) : own;
    const input = padded(x, all, Number.NEGATIVE_INFINITY);
    return aten(
      `max_pool${kernel.length}d`,
      input,
      [...kernel],
      [...strides],
      kernel.map(() => 0),
      [...dilations],
    );
  };
};

const averagePool: Operator = (setup) => {
  const kernel = kernelOf(setup);
  const { strides, pads, symmetric, dilations } = windowOf(setup, kernel);
  if (dilations.some((d) => d !== 1)) throw setup.unsupported("dilations");
  const isCeil = setup.number("ceil_mode", 0) === 1;
  const countsPads = setup.number("count_include_pad", 0) === 1;
  const pool = `avg_pool${kernel.length}d`;
  const zeros = kernel.map(() => 0);
  const isPlain = !isCeil && symmetric?.every((pad, i) => 2 * pad <= (kernel[i] ?? 0));
  if (isPlain)
    return (x) =>
      aten(pool, asTensor(x as Value), [...kernel], [...strides], [...(symmetric as number[])], false, countsPads);
  return (value) => {
    const x = asTensor(value as Value);
    const sizes = spatialSizes(x, kernel.length);
    const own = pads(sizes);
    const all = isCeil ? withCeiling(own, sizes, kernel, strides) : own;
    const average = (input: Tensor) => aten(pool, input, [...kernel], [...strides], zeros);
    // The fraction of each window that counts: the image alone, or with its padding.
    const counted = ones([1, 1, ...sizes], { dtype: x.dtype, device: x.device });
    const inside = countsPads
      ? padded(
          padded(counted, own, 1),
          all.map((pad, i) => pad - (own[i] ?? 0)),
        )
      : padded(counted, all);
    return average(padded(x, all)).div(average(inside));
  };
};

/** Over all axes after the channels, which stay with size 1. */
function globally(compute: (x: Tensor, dims: number[]) => Tensor): Operator {
  return unary((x) =>
    compute(
      x,
      Array.from({ length: x.ndim - 2 }, (_, i) => i + 2),
    ),
  );
}

const globalAverage = globally((x, dims) =>
  dims.length === 2 ? nn.functional.adaptiveAvgPool2d(x, 1) : aten("mean", x, dims, true),
);

export const poolingOperators: OperatorTable = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalAverage,
  GlobalMaxPool: globally((x, dims) => aten("amax", x, dims, true)),
};
