/** One number for both spatial dimensions, or one each: [height, width]. */
export type Size2d = number | readonly [number, number];

/** Both spatial values, as a list of its own. */
export function pair(size: Size2d): [number, number] {
  return typeof size === "number" ? [size, size] : [size[0], size[1]];
}

/** A size of the output, null where the input's is kept. */
export type OutputSize2d = number | null | readonly [number | null, number | null];

/** Both spatial sizes of an output, given the input [..., H, W]. */
export function outputPair(size: OutputSize2d, inputShape: readonly number[]): [number, number] {
  const [height, width] = typeof size === "number" || size === null ? [size, size] : size;
  return [height ?? (inputShape.at(-2) as number), width ?? (inputShape.at(-1) as number)];
}
