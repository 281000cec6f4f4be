import type { Dim } from "./dims.ts";

/** TensorFlow's padding of an axis: its two names, or how many zeros before and after. */
export type Padding = "SAME" | "VALID" | readonly (readonly [number, number])[];

export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

/**
 * What "SAME" adds before and after an axis: the output has `ceil(size / stride)` elements, and the odd one goes after
 * (https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2). Undefined where it depends on an unknown size.
 */
export function samePadding(size: Dim, { kernel, stride, dilation }: Window): readonly [number, number] | undefined {
  const reach = (kernel - 1) * dilation + 1;
  if (typeof size !== "number") return stride === 1 ? halves(reach - 1) : undefined;
  return halves(Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0));
}

function halves(total: number): readonly [number, number] {
  const before = Math.floor(total / 2);
  return [before, total - before];
}

/** The size of a sliding window's output. */
export function windowOutput(size: Dim, padding: readonly [number, number] | undefined, window: Window): Dim {
  if (typeof size !== "number") return "unknown";
  if (padding === undefined) return Math.ceil(size / window.stride);
  const reach = (window.kernel - 1) * window.dilation + 1;
  return Math.floor((size + padding[0] + padding[1] - reach) / window.stride) + 1;
}
