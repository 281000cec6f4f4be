import type { Rng } from "@classifier-training/base";
import sharp from "sharp";
import type { RenderedImage } from "./render-jersey.ts";

/** Degradation by the broadcast: 0 leaves the image clean, 1 is the worst that television shows. */
export interface BroadcastOptions {
  readonly strength: number;
}

/**
 * What happens between the player and the file: a distant camera (few pixels), motion and focus (blur), the sensor
 * (noise, white balance), the sharpening, contrast and strong colors that broadcasters like, the encoder (JPEG).
 *
 * @returns a JPEG file of the same width and height
 */
export async function broadcast(
  { width, height, pixels: rgba }: RenderedImage,
  { strength }: BroadcastOptions,
  rng: Rng,
): Promise<Buffer> {
  const scale = Math.max(16 / height, rng.uniform(1 - 0.75 * strength, 1));
  const small = { width: Math.max(8, Math.round(width * scale)), height: Math.round(height * scale) };
  const sigma = rng.chance(0.5) ? rng.uniform(0.3, 0.3 + 0.7 * strength) : 0;
  const motion = rng.chance(0.2) ? 2 * rng.integer(1 + Math.round(0.08 * strength * small.height)) + 1 : 1;
  const noise = rng.chance(0.4) ? rng.uniform(0, 10 * strength) : 0;
  const gains = [0, 1, 2].map(() => 1 + rng.uniform(-0.3, 0.25) * strength);
  const contrast = 1 + rng.uniform(-0.15, 0.6) * strength;
  const halo = rng.chance(0.75) ? rng.uniform(1, 1 + 4 * strength) : 0;
  const saturation = 1 + rng.uniform(-0.3, 1.1) * strength;
  const quality = Math.round(rng.uniform(92 - 62 * strength, 95));

  let camera = sharp(rgba, { raw: { width, height, channels: 4 } })
    .removeAlpha()
    .resize(small.width, small.height, { fit: "fill", kernel: "linear" });
  if (sigma > 0.3) camera = camera.blur(sigma);
  // Players and cameras move sideways.
  if (motion > 1) camera = camera.convolve({ width: motion, height: 3, kernel: motionKernel(motion) });
  const pixels = await camera.raw().toBuffer();
  for (let i = 0; i < pixels.length; i++) {
    const value = 128 + contrast * ((pixels[i] as number) * (gains[i % 3] as number) - 128);
    pixels[i] = clampByte(noise > 0 ? value + noise * rng.normal() : value);
  }
  let image = sharp(pixels, { raw: { ...small, channels: 3 } }).modulate({ saturation });
  if (halo > 0) image = image.sharpen({ sigma: rng.uniform(0.7, 1.8), m1: halo, m2: halo });
  return image
    .resize(width, height, { fit: "fill", kernel: "linear" })
    .jpeg({ quality, chromaSubsampling: "4:2:0" })
    .toBuffer();
}

/** A kernel of three rows; the middle one averages `length` pixels. */
function motionKernel(length: number): number[] {
  return [0, 1, 0].flatMap((weight) => new Array<number>(length).fill(weight));
}

function clampByte(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : Math.round(value);
}
