import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp from "sharp";

export { unzipSync, zipSync } from "fflate";

const colors = { red: [200, 30, 30], green: [30, 160, 40], blue: [30, 60, 200] } as const;

export type Color = keyof typeof colors;

/** The bytes of an image of stripes: each number is another image, and none is nearly equal to another. */
export async function painted(color: Color, number: number, format: "jpeg" | "png" | "tiff" = "jpeg"): Promise<Buffer> {
  const [width, height] = [48 + (number % 7), 40];
  const data = Buffer.alloc(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const isLight = Math.sin((x * (number + 1)) / 9) + Math.cos((y * ((number % 5) + 1)) / 7) > 0.2;
    for (let c = 0; c < 3; c++)
      data[i * 3 + c] = (colors[color][c] as number) + (isLight ? 50 : -30) * (c === number % 3 ? 1 : 0.4);
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .toFormat(format)
    .toBuffer();
}

/** Writes images into `ROOT/CLASS/0.jpg` ... */
export async function paintFolders(
  root: string,
  classes: Readonly<Record<string, readonly [Color, number]>>,
): Promise<void> {
  let number = 0;
  for (const [name, [color, count]] of Object.entries(classes)) {
    for (let i = 0; i < count; i++) {
      const path = join(root, name, `${i}.jpg`);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, await painted(color, number++));
    }
  }
}
