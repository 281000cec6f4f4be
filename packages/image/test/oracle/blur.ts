import { gaussianKernel } from "../../src/functional/blur.ts";
import type { ByteImage } from "../../src/image.ts";

/** A Gaussian blur with reflected borders, in double precision, rounded once. */
export function gaussianBlur(
  { data, width, height, channels }: ByteImage,
  [sizeX, sizeY]: readonly [number, number],
  [sigmaX, sigmaY]: readonly [number, number],
): Uint8Array {
  const [kx, ky] = [gaussianKernel(sizeX, sigmaX), gaussianKernel(sizeY, sigmaY)];
  return Uint8Array.from(data, (_, i) => {
    const c = i % channels;
    const x = Math.floor(i / channels) % width;
    const y = Math.floor(i / channels / width);
    let sum = 0;
    for (let j = 0; j < sizeY; j++) {
      const row = reflect(y + j - (sizeY >> 1), height) * width;
      for (let k = 0; k < sizeX; k++) {
        const at = (row + reflect(x + k - (sizeX >> 1), width)) * channels + c;
        sum += (data[at] as number) * (kx[k] as number) * (ky[j] as number);
      }
    }
    return Math.round(sum);
  });
}

function reflect(at: number, size: number): number {
  let position = at;
  while (size > 1 && (position < 0 || position >= size))
    position = position < 0 ? -position : 2 * (size - 1) - position;
  return size === 1 ? 0 : position;
}
