import type { Tensor } from "@classifier-training/torch";
import type { Normalization } from "../data/preprocessing.ts";

/** An RGB image, `height * width * 3` bytes. */
export interface Pixels {
  readonly pixels: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/**
 * Images for people, from a network's input.
 * @param images [N, 3, H, W], float, normalized
 * @param normalization what they were normalized with
 */
export function denormalized(images: Tensor, { mean, std }: Normalization): Pixels[] {
  const [n = 0, , height = 0, width = 0] = images.shape;
  const values = images.to({ dtype: "float32", device: "cpu" }).contiguous().toTypedArray() as Float32Array;
  const plane = height * width;
  return Array.from({ length: n }, (_, sample) => {
    const pixels = new Uint8ClampedArray(plane * 3);
    for (let channel = 0; channel < 3; channel++) {
      const from = (sample * 3 + channel) * plane;
      const [scale, shift] = [std[channel] ?? 1, mean[channel] ?? 0];
      for (let i = 0; i < plane; i++) pixels[i * 3 + channel] = 255 * ((values[from + i] as number) * scale + shift);
    }
    return { pixels, width, height };
  });
}
