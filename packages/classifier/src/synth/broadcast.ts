import type { Rng } from "@classifier-training/base";
import sharp from "sharp";

/** How far a broadcast may degrade a picture: 0 leaves it clean, 1 is the worst that television shows. */
export interface BroadcastOptions {
  readonly strength: number;
}

/**
 * What happens between the player and the file: a distant camera (few pixels), motion and focus (blur), the sensor
 * (noise), the encoder (JPEG).
 *
 * @param rgba `size * size * 4` bytes
 * @returns a JPEG file
 */
export async function broadcast(
  rgba: Uint8ClampedArray,
  size: number,
  { strength }: BroadcastOptions,
  rng: Rng,
): Promise<Buffer> {
  const seen = Math.max(16, Math.round(size * rng.uniform(1 - 0.65 * strength, 1)));
  const sigma = rng.chance(0.6) ? rng.uniform(0.3, 0.3 + 1.3 * strength) : 0;
  const noise = rng.chance(0.5) ? rng.uniform(0, 14 * strength) : 0;
  const quality = Math.round(rng.uniform(92 - 62 * strength, 95));

  let picture = sharp(rgba, { raw: { width: size, height: size, channels: 4 } })
    .removeAlpha()
    .resize(seen, seen, { kernel: "linear" });
  if (sigma > 0.3) picture = picture.blur(sigma);
  const pixels = await picture.raw().toBuffer();
  if (noise > 0)
    for (let i = 0; i < pixels.length; i++) pixels[i] = clampByte((pixels[i] as number) + noise * rng.normal());
  return sharp(pixels, { raw: { width: seen, height: seen, channels: 3 } })
    .resize(size, size, { kernel: "linear" })
    .jpeg({ quality, chromaSubsampling: "4:2:0" })
    .toBuffer();
}

function clampByte(value: number): number {
  return value < 0 ? 0 : value > 255 ? 255 : Math.round(value);
}
