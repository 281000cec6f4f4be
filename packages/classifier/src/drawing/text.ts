import { shortened } from "@classifier-training/base";
import { createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import { drawable, font, fontAdvice } from "./fonts.ts";

/** Width of a text in pixels. */
export type Measure = (text: string) => number;

/** How wide texts of a size are. */
export function measureAt(size: number): Measure {
  const context = createCanvas(1, 1).getContext("2d");
  context.font = font(size);
  return (text) => context.measureText(text).width;
}

/** A text of at most so many pixels: what is too long loses its middle, where names differ least. */
export function fitted(text: string, width: number, measure: Measure): string {
  if (measure(text) <= width) return text;
  // No text of so many characters fits; a class may have the name of a book.
  let [low, high] = [1, Math.min([...text].length, Math.ceil(width))];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (measure(shortened(text, middle)) <= width) low = middle;
    else high = middle - 1;
  }
  return shortened(text, low);
}

/** Class names as text that fonts have: on one line, those that no font has by their index. */
export function drawableNames(names: readonly string[]): { readonly names: string[]; readonly notices: string[] } {
  const shown = names.map((name, i) => {
    const line = name.slice(0, 1000).replaceAll(/\s+/g, " ");
    return drawable(line) ? line : `#${i}`;
  });
  const missing = shown.filter((name, i) => name === `#${i}` && names[i] !== name).length;
  const what =
    missing === 1
      ? "1 name is shown as #index: no font here has its characters"
      : `${missing} names are shown as #index: no font here has their characters`;
  return { names: shown, notices: missing === 0 ? [] : [what, fontAdvice] };
}

/** A text from a place on; returns its width. */
export function write(context: SKRSContext2D, text: string, x: number, y: number, size: number, color: string): number {
  context.font = font(size);
  context.fillStyle = color;
  context.fillText(text, x, y);
  return context.measureText(text).width;
}

/** A text that is read from below, centered at a place. */
export function writeUpward(
  context: SKRSContext2D,
  text: string,
  x: number,
  y: number,
  size: number,
  color: string,
): void {
  context.save();
  context.translate(x, y);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  write(context, text, 0, 0, size, color);
  context.restore();
}

/** Title and subtitle of a plot, no wider than it. */
export function writeHead(
  context: SKRSContext2D,
  { title, lines, x, width }: { title: string; lines: readonly string[]; x: number; width: number },
  color: { title: string; line: string },
): void {
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  const sizeOf = (text: string, size: number) => {
    const needed = measureAt(size)(text);
    return needed <= width ? size : Math.max(9, Math.floor((size * width) / needed));
  };
  write(context, title, x, 36, sizeOf(title, 26), color.title);
  for (const [i, line] of lines.entries()) write(context, line, x, 66 + i * 24, sizeOf(line, 16), color.line);
}
