import { type Image, isByteImage } from "../image.ts";
import { cropPixels } from "./crop.ts";

/** How far a channel may be from the bar's colour: JPEG blurs a bar's edge and noise is strewn over it. Of 255. */
const tolerance = 16;

/** How many of a line's pixels must have the bar's colour. */
const share = 0.85;

/**
 * Cuts off bars of one colour along the edges, as letterboxing and turning a picture within its frame leave them: lines
 * that have, apart from specks, the colour of the outermost one.
 *
 * @returns the picture itself when it has no bars
 */
export function trimBars(image: Image): Image {
  const { width, height } = image;
  const top = barWidth(image, "rows", false);
  const bottom = barWidth(image, "rows", true);
  const left = barWidth(image, "columns", false);
  const right = barWidth(image, "columns", true);
  if (top + bottom + left + right === 0) return image;
  return cropPixels(image, { left, top, width: width - left - right, height: height - top - bottom });
}

function barWidth(image: Image, lines: "rows" | "columns", fromEnd: boolean): number {
  const { width, height, channels, data } = image;
  const [count, length] = lines === "rows" ? [height, width] : [width, height];
  const [lineStep, pixelStep] = lines === "rows" ? [width * channels, channels] : [channels, width * channels];
  const start = (line: number) => (fromEnd ? count - 1 - line : line) * lineStep;
  const near = isByteImage(image) ? tolerance : tolerance / 255;
  const middle = length >> 1;
  const colour = Array.from({ length: channels }, (_, c) => {
    const values = Array.from({ length }, (_, i) => data[start(0) + i * pixelStep + c] as number);
    return values.sort((a, b) => a - b)[middle] as number;
  });
  for (let line = 0; line < count >> 1; line++) {
    let alike = 0;
    for (let i = 0; i < length; i++) {
      const at = start(line) + i * pixelStep;
      if (colour.every((value, c) => Math.abs((data[at + c] as number) - value) < near)) alike++;
    }
    if (alike < share * length) return line;
  }
  // A bar that fills half of the picture is what the picture shows.
  return 0;
}
