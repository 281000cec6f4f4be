import { Rng } from "@classifier-training/base";
import { OnnxClassifier } from "@classifier-training/inference";
import sharp from "sharp";

/** Classes that color alone tells apart. */
const colors = { sky: [60, 120, 220], leaf: [60, 170, 70] } as const;

export type PlainClass = keyof typeof colors;
export const plainClasses = Object.keys(colors) as PlainClass[];

const side = 40;

/** A noisy photo of a class, as PNG: no two have the same content. */
export async function plainPhoto(kind: PlainClass, index: number): Promise<Buffer> {
  const rng = Rng.at(3, "plain photo", kind, index);
  const shade = rng.uniform(-35, 35);
  const pixels = new Uint8Array(side * side * 3);
  for (let i = 0; i < pixels.length; i++)
    pixels[i] = Math.max(0, Math.min(255, (colors[kind][i % 3] as number) + shade + rng.uniform(-25, 25)));
  return sharp(pixels, { raw: { width: side, height: side, channels: 3 } })
    .png()
    .toBuffer();
}

/** The same pixels in another file. */
export function packedAgain(png: Buffer): Promise<Buffer> {
  return sharp(png).png({ compressionLevel: 2 }).toBuffer();
}

export function asJpeg(png: Buffer): Promise<Buffer> {
  return sharp(png).jpeg().toBuffer();
}

/** What an exported model says of images. */
export async function predictedBy(archive: string, images: readonly Uint8Array[]): Promise<(string | undefined)[]> {
  const classifier = await OnnxClassifier.load(archive);
  try {
    return (await classifier.predict([...images], { topK: 1 })).map(([best]) => best?.label);
  } finally {
    await classifier.close();
  }
}
