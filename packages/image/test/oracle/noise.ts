import type { Rng } from "@classifier-training/base";
import { normalPool, poolSize } from "../../src/functional/noise.ts";
import type { ByteImage } from "../../src/image.ts";

/** Each row of pixels plus `sigma` times the numbers of a random place of the pool. */
export function addGaussianNoise({ data, width, height, channels }: ByteImage, sigma: number, rng: Rng): Uint8Array {
  const rowLength = width * channels;
  const numbers = normalPool();
  const starts = Array.from({ length: height }, () => rng.integer(poolSize - rowLength));
  const factor = Math.round(sigma * 32);
  return data.map((value, i) => {
    const start = starts[Math.floor(i / rowLength)] as number;
    const noise = ((numbers[start + (i % rowLength)] as number) * factor) >> 16;
    return Math.max(0, Math.min(255, value + noise));
  });
}
