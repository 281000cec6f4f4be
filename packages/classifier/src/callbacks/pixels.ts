import type { Tensor } from "@classifier-training/torch";

const imagenetMean = [0.485, 0.456, 0.406] as const;
const imagenetStd = [0.229, 0.224, 0.225] as const;

/**
 * Pictures to look at, from a network's input.
 * @param images [N, 3, H, W], normalised with ImageNet's mean and deviation
 * @returns one RGB picture a sample, `H * W * 3` bytes each
 */
export function denormalised(images: Tensor): { pixels: Uint8ClampedArray; width: number; height: number }[] {
  const [n = 0, , height = 0, width = 0] = images.shape;
  const values = images.to({ dtype: "float32", device: "cpu" }).contiguous().toTypedArray() as Float32Array;
  const plane = height * width;
  return Array.from({ length: n }, (_, sample) => {
    const pixels = new Uint8ClampedArray(plane * 3);
    for (let channel = 0; channel < 3; channel++) {
      const from = (sample * 3 + channel) * plane;
      const [mean, std] = [imagenetMean[channel] as number, imagenetStd[channel] as number];
      for (let i = 0; i < plane; i++) pixels[i * 3 + channel] = 255 * ((values[from + i] as number) * std + mean);
    }
    return { pixels, width, height };
  });
}
