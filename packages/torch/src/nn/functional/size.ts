/** One number for both spatial dimensions, or one each: [height, width]. */
export type Size2d = number | readonly [number, number];

/** Both spatial values, as a list of its own. */
export function pair(size: Size2d): [number, number] {
  return typeof size === "number" ? [size, size] : [size[0], size[1]];
}
