import { functional, type Image, isByteImage } from "@classifier-training/image";
import { defineImageStep } from "@classifier-training/vision";

/** Tolerated difference of a channel from the bar's color (of 255): JPEG blurs the edge of a bar and adds noise. */
const tolerance = 16;

/** Fraction of a line's pixels that must have the bar's color. */
const fraction = 0.85;

/**
 * Crops bars of one color along the edges, as letterboxing and rotating an image within its frame leave them: lines that
 * have, apart from specks, the color of the outermost one.
 *
 * @returns the image itself when it has no bars
 */
export function trimBars(image: Image): Image {
  const { width, height } = image;
  const top = barWidth(image, "rows", false);
  const bottom = barWidth(image, "rows", true);
  const left = barWidth(image, "columns", false);
  const right = barWidth(image, "columns", true);
  if (top + bottom + left + right === 0) return image;
  return functional.crop(image, { left, top, width: width - left - right, height: height - top - bottom });
}

function barWidth(image: Image, lines: "rows" | "columns", fromEnd: boolean): number {
  const { width, height, channels, data } = image;
  const [count, length] = lines === "rows" ? [height, width] : [width, height];
  const [lineStep, pixelStep] = lines === "rows" ? [width * channels, channels] : [channels, width * channels];
  const start = (line: number) => (fromEnd ? count - 1 - line : line) * lineStep;
  const near = isByteImage(image) ? tolerance : tolerance / 255;
  const middle = length >> 1;
  const color = Array.from({ length: channels }, (_, c) => {
    const values = Array.from({ length }, (_, i) => data[start(0) + i * pixelStep + c] as number);
    return values.sort((a, b) => a - b)[middle] as number;
  });
  for (let line = 0; line < count >> 1; line++) {
    let alike = 0;
    for (let i = 0; i < length; i++) {
      const at = start(line) + i * pixelStep;
      if (color.every((value, c) => Math.abs((data[at + c] as number) - value) < near)) alike++;
    }
    if (alike < fraction * length) return line;
  }
  // A bar that fills half of the image is its content.
  return 0;
}

/** Crops bars of one color along the edges of each image (`data.trim_bars`). */
export const TrimBars = defineImageStep<undefined>({
  name: "trimBars",
  module: import.meta.url,
  create: () => ({ apply: trimBars }),
});
