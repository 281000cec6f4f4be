import type { GraphBuilder, Value } from "../graph/builder.ts";
import { type Dim, shapeText } from "../graph/dims.ts";
import { type Padding, samePadding, type Window, windowOutput } from "../graph/padding.ts";
import { reduce } from "./reduction.ts";

/** Sizes along height and width. */
export type Pair = readonly [number, number];

interface ConvolutionOptions {
  readonly strides: Pair;
  readonly dilations: Pair;
  readonly padding: Padding;
}

/**
 * @param x An image tensor.
 * @param weight `[out, in / groups, height, width]`; the number of groups follows from the channels of `x`.
 * @param bias `[out]`
 */
export function conv2d(
  b: GraphBuilder,
  x: Value,
  weight: Value,
  bias: Value | undefined,
  { strides, dilations, padding }: ConvolutionOptions,
): Value {
  const [outputs, perGroup, ...kernel] = fixedShape(b, weight, "the weights");
  const channels = x.shape[3];
  if (typeof channels !== "number" || perGroup === undefined || channels % perGroup !== 0) {
    throw b.error(`weights for ${perGroup} channels do not fit an input of the shape ${shapeText(x.shape)}`);
  }
  if (outputs === undefined || outputs % (channels / perGroup) !== 0) {
    throw b.error(`${outputs} outputs cannot be made of ${channels / perGroup} groups of channels`);
  }
  const { attributes, sizes } = slidingWindow(b, x, kernel as [number, number], strides, dilations, padding);
  return b.node(
    "Conv",
    [b.channelsFirst(x), weight, bias],
    { kernel_shape: kernel, strides, dilations, group: channels / perGroup, ...attributes },
    { shape: [x.shape[0] as Dim, ...sizes, outputs], channelsFirst: true },
  );
}

/** The largest, or the mean, of each window; padding takes no part in either. */
export function pool2d(
  b: GraphBuilder,
  op: "MaxPool" | "AveragePool",
  x: Value,
  { kernel, strides, padding }: { readonly kernel: Pair; readonly strides: Pair; readonly padding: Padding },
): Value {
  const { attributes, sizes } = slidingWindow(b, x, kernel, strides, [1, 1], padding);
  if (
    op === "AveragePool" &&
    sizes[0] === 1 &&
    sizes[1] === 1 &&
    x.shape[1] === kernel[0] &&
    x.shape[2] === kernel[1]
  ) {
    return reduce(b, "ReduceMean", b.channelsFirst(x), [1, 2], true);
  }
  return b.node(
    op,
    [b.channelsFirst(x)],
    { kernel_shape: kernel, strides, ...attributes },
    { shape: [x.shape[0] as Dim, ...sizes, x.shape[3] as Dim], channelsFirst: true },
  );
}

/**
 * The gradient of a convolution with regard to its input.
 * @param weight `[in, out, height, width]`
 * @param size Height and width of the output; undefined: what the padding gives.
 */
export function convTranspose2d(
  b: GraphBuilder,
  x: Value,
  weight: Value,
  bias: Value | undefined,
  { strides, dilations, padding, size }: ConvolutionOptions & { readonly size?: readonly Dim[] | undefined },
): Value {
  const [, outputs, ...kernel] = fixedShape(b, weight, "the weights");
  const begin: number[] = [];
  const end: number[] = [];
  const extra: number[] = [];
  const sizes = [0, 1].map((axis): Dim => {
    const [stride, reach] = [strides[axis] as number, ((kernel[axis] as number) - 1) * (dilations[axis] as number) + 1];
    // Of all that the kernels reach, `cut` is dropped at the borders.
    const [before, after] = typeof padding === "string" ? [undefined, undefined] : (padding[axis] ?? [0, 0]);
    const input = x.shape[axis + 1];
    const given = size?.[axis];
    let cut = padding === "SAME" ? reach - stride : 0;
    if (before !== undefined) cut = before + (after ?? 0);
    if (typeof given === "number" && typeof input === "number") cut = (input - 1) * stride + reach - given;
    begin.push(before ?? Math.max(Math.floor(cut / 2), 0));
    end.push(Math.max(cut - (begin.at(-1) as number), 0));
    extra.push(Math.max(-cut, 0));
    return typeof input === "number" ? (input - 1) * stride + reach - cut : "unknown";
  });
  return b.node(
    "ConvTranspose",
    [b.channelsFirst(x), weight, bias],
    { kernel_shape: kernel, strides, dilations, pads: [...begin, ...end], output_padding: extra, group: 1 },
    { shape: [x.shape[0] as Dim, ...sizes, outputs as number], channelsFirst: true },
  );
}

function slidingWindow(b: GraphBuilder, x: Value, kernel: Pair, strides: Pair, dilations: Pair, padding: Padding) {
  if (x.shape.length !== 4) throw b.error(`expected an image tensor of 4 axes, received ${shapeText(x.shape)}`);
  if (![...kernel, ...strides, ...dilations].every((size) => Number.isInteger(size) && size > 0)) {
    throw b.error(`a window of ${kernel}, strides ${strides}, dilations ${dilations}: expected positive integers`);
  }
  const windows = [0, 1].map(
    (axis): Window => ({
      kernel: kernel[axis] as number,
      stride: strides[axis] as number,
      dilation: dilations[axis] as number,
    }),
  );
  const pads = windows.map((window, axis) => {
    if (padding === "VALID") return [0, 0] as const;
    return padding === "SAME" ? samePadding(x.shape[axis + 1] as Dim, window) : (padding[axis] as Pair);
  });
  const sizes = windows.map((window, axis) => windowOutput(x.shape[axis + 1] as Dim, pads[axis], window));
  if (sizes.some((size) => typeof size === "number" && size < 1)) {
    throw b.error(`a window of ${kernel} does not fit into ${shapeText(x.shape)}`);
  }
  if (pads.some((pad) => pad === undefined)) return { attributes: { auto_pad: "SAME_UPPER" }, sizes };
  const both = pads as Pair[];
  return { attributes: { pads: [...both.map(([before]) => before), ...both.map(([, after]) => after)] }, sizes };
}

/** Sizes that must be known. */
export function fixedShape(b: GraphBuilder, { shape }: Value, what: string): number[] {
  if (shape.every((dim) => typeof dim === "number")) return shape as number[];
  throw b.error(`${what}: expected a fixed shape, received ${shapeText(shape)}`);
}
