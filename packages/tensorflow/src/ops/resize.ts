import type { GraphBuilder, Value } from "../graph/builder.ts";
import type { Dim } from "../graph/dims.ts";

/** How an output pixel finds its place in the input; TensorFlow's default is neither. */
export interface ResizeOptions {
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

/** Images of another height and width. */
export function resize(
  b: GraphBuilder,
  mode: "linear" | "nearest",
  x: Value,
  [height, width]: readonly [number, number],
  { alignCorners, halfPixelCenters }: ResizeOptions,
): Value {
  const [count, fromHeight, fromWidth, channels] = x.shape as [Dim, Dim, Dim, Dim];
  if (fromHeight === height && fromWidth === width) return x;
  if (typeof fromHeight !== "number" || typeof fromWidth !== "number") throw b.error("resizes images of unknown size");
  const coordinates = alignCorners ? "align_corners" : halfPixelCenters ? "half_pixel" : "asymmetric";
  const scales = b.floats("scales", [1, 1, scaleOf(fromHeight, height), scaleOf(fromWidth, width)]);
  return b.node(
    "Resize",
    [b.channelsFirst(x), undefined, scales],
    {
      mode,
      coordinate_transformation_mode: coordinates,
      // TensorFlow rounds half up here, and down without any shift.
      nearest_mode: mode === "linear" ? undefined : coordinates === "asymmetric" ? "floor" : "round_prefer_ceil",
    },
    { shape: [count, height, width, channels], channelsFirst: true },
  );
}

/** A float32 of which ONNX's `floor(size * scale)` is the wanted size, however the quotient was rounded. */
function scaleOf(size: number, wanted: number): number {
  const scale = Math.fround(wanted / size);
  return Math.floor(scale * size) === wanted ? scale : scale * (1 + 2 ** -22);
}
