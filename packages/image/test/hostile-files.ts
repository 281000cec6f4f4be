import { Rng } from "@classifier-training/base";
import sharp from "sharp";

/** What the decoder must do with a file: give an image of this size, refuse it, or either (damage may be harmless). */
export type Outcome = { readonly width: number; readonly height: number } | "refused" | "either";

export interface HostileFile {
  readonly kind: string;
  readonly bytes: Uint8Array;
  readonly outcome: Outcome;
}

/** The kinds of broken and unusual files; each is made anew from a random stream. */
const kinds: Record<string, (rng: Rng) => Promise<Omit<HostileFile, "kind">>> = {
  async "truncated jpeg"(rng) {
    const { bytes } = await image(rng, "jpeg");
    return { bytes: bytes.subarray(0, Math.floor(bytes.length * rng.uniform(0.02, 0.9))), outcome: "refused" };
  },
  async "truncated png"(rng) {
    const { bytes } = await image(rng, "png");
    return { bytes: bytes.subarray(0, Math.floor(bytes.length * rng.uniform(0.02, 0.9))), outcome: "refused" };
  },
  async "flipped bits"(rng) {
    const { bytes } = await image(rng, rng.chance(0.5) ? "jpeg" : "png");
    const out = Uint8Array.from(bytes);
    for (let i = 1 + rng.integer(30); i > 0; i--) out[rng.integer(out.length)]! ^= 1 << rng.integer(8);
    return { bytes: out, outcome: "either" };
  },
  async "garbage after a magic number"(rng) {
    const magic = rng.chance(0.5) ? [0xff, 0xd8, 0xff, 0xe0] : [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
    const noise = Array.from({ length: rng.integer(500) }, () => rng.integer(256));
    return { bytes: Uint8Array.from([...magic, ...noise]), outcome: "refused" };
  },
  async "no bytes"() {
    return { bytes: new Uint8Array(0), outcome: "refused" };
  },
  async "zero bytes"(rng) {
    return { bytes: new Uint8Array(1 + rng.integer(4000)), outcome: "refused" };
  },
  async text(rng) {
    return { bytes: Buffer.from("<html>404 Not Found</html>".repeat(1 + rng.integer(9))), outcome: "refused" };
  },
  async "decompression bomb"(rng) {
    return { bytes: bombPng(40_000 + rng.integer(20_000), 30_000), outcome: "refused" };
  },
  async "png with alpha named jpg"(rng) {
    return image(rng, "png", 4);
  },
  async webp(rng) {
    return image(rng, "webp");
  },
  async "cmyk jpeg"(rng) {
    const { pipeline, outcome } = source(rng, 3);
    return { bytes: await pipeline.toColorspace("cmyk").jpeg().toBuffer(), outcome };
  },
  async "16-bit png"(rng) {
    const { pipeline, outcome } = source(rng, 3);
    return { bytes: await pipeline.toColorspace("rgb16").png().toBuffer(), outcome };
  },
  async "gray jpeg"(rng) {
    const { pipeline, outcome } = source(rng, 3);
    return { bytes: await pipeline.grayscale().jpeg().toBuffer(), outcome };
  },
  async "palette png"(rng) {
    const { pipeline, outcome } = source(rng, 3);
    return { bytes: await pipeline.png({ palette: true, colors: 16 }).toBuffer(), outcome };
  },
  async "animated gif"(rng) {
    const [width, height, frames] = [8 + rng.integer(30), 8 + rng.integer(30), 2 + rng.integer(4)];
    const pixels = noise(rng, width * height * frames * 3);
    const raw = { width, height: height * frames, channels: 3 as const, pageHeight: height };
    return { bytes: await sharp(pixels, { raw }).gif().toBuffer(), outcome: { width, height } };
  },
  async "exif-rotated jpeg"(rng) {
    const { pipeline, outcome } = source(rng, 3);
    // The orientation is ignored, as Pillow ignores it.
    return { bytes: await pipeline.withMetadata({ orientation: 6 }).jpeg().toBuffer(), outcome };
  },
  async "one pixel"(rng) {
    const raw = { width: 1, height: 1, channels: 3 as const };
    return { bytes: await sharp(noise(rng, 3), { raw }).png().toBuffer(), outcome: { width: 1, height: 1 } };
  },
  async "progressive jpeg"(rng) {
    const { pipeline, outcome } = source(rng, 3);
    return { bytes: await pipeline.jpeg({ progressive: true }).toBuffer(), outcome };
  },
};

/** The first `count` hostile files of a seed, kinds in turn. */
export async function* hostileFiles(count: number, seed = 1): AsyncGenerator<HostileFile> {
  const names = Object.keys(kinds);
  for (let i = 0; i < count; i++) {
    const kind = names[i % names.length] as string;
    const made = await kinds[kind]?.(Rng.at(seed, i, "hostile"));
    if (made) yield { kind, ...made };
  }
}

function noise(rng: Rng, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => rng.integer(256));
}

function source(rng: Rng, channels: 3 | 4) {
  const [width, height] = [4 + rng.integer(60), 4 + rng.integer(60)];
  const pipeline = sharp(noise(rng, width * height * channels), { raw: { width, height, channels } });
  return { pipeline, outcome: { width, height } };
}

async function image(rng: Rng, format: "jpeg" | "png" | "webp", channels: 3 | 4 = 3) {
  const { pipeline, outcome } = source(rng, channels);
  return { bytes: await pipeline.toFormat(format).toBuffer(), outcome };
}

/** A PNG file that promises far more pixels than it has bytes. */
function bombPng(width: number, height: number): Uint8Array {
  const header = Buffer.alloc(25);
  header.writeUInt32BE(13, 0);
  header.write("IHDR", 4);
  header.writeUInt32BE(width, 8);
  header.writeUInt32BE(height, 12);
  header.set([8, 2, 0, 0, 0], 16);
  header.writeUInt32BE(crc32(header.subarray(4, 21)), 21);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), header, Buffer.alloc(64)]);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
