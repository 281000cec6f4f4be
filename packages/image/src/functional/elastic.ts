import type { Rng } from "@classifier-training/base";
import type { Image } from "../image.ts";
import { gaussianBlur } from "./blur.ts";
import type { Fill } from "./crop.ts";
import { sampleGrid } from "./grid-sample.ts";
import type { WarpInterpolation } from "./warp.ts";

/** How far each pixel moves, row by row, on the scale of 2 for a whole side. */
export interface Displacement {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/**
 * torchvision's `ElasticTransform._get_params`: uniform noise in [-1, 1], blurred, times alpha; the part along x is divided by
 * the height and the one along y by the width, as there.
 */
export function elasticDisplacement(
  { width, height }: { readonly width: number; readonly height: number },
  alpha: readonly [number, number],
  sigma: readonly [number, number],
  rng: Rng,
): Displacement {
  const field = (strength: number, smoothness: number) => {
    const noise = Float32Array.from({ length: width * height }, () => rng.uniform(-1, 1));
    const kernel = Math.trunc(8 * smoothness + 1) | 1;
    const plane = { width, height, channels: 1, data: noise, semantics: "tensor" } as const;
    const smooth = smoothness > 0 ? gaussianBlur(plane, [kernel, kernel], sigma) : plane;
    return Float32Array.from(smooth.data, (value) => value * strength);
  };
  return { x: field(alpha[0] / height, sigma[0]), y: field(alpha[1] / width, sigma[1]) };
}

/** Reads every pixel from where the displacement says, as torchvision's `elastic` does, on Pillow's images too. */
export function elastic(image: Image, { x, y }: Displacement, interpolation: WarpInterpolation, fill: Fill): Image {
  const { width, height } = image;
  return sampleGrid(image, interpolation, fill, width, height, (column, row) => {
    const at = row * width + column;
    return [column + ((x[at] as number) * width) / 2, row + ((y[at] as number) * height) / 2];
  });
}
