import { createCanvas, ImageData, type SKRSContext2D } from "@napi-rs/canvas";
import { faint, ink, right, wrong } from "./colors.ts";
import { registerFonts, textFont } from "./fonts.ts";

/** One image of a grid with its prediction. */
export interface GridSample {
  /** RGB, row-major, `width * height * 3` bytes. */
  readonly pixels: Uint8Array | Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
  readonly trueLabel: string;
  readonly predictedLabel: string;
  /** 0..1 */
  readonly confidence: number;
}

/** Plots images in a square grid, framed green for a correct prediction and red for a wrong one. @returns a PNG file */
export function drawSampleGrid(samples: readonly GridSample[], title: string): Buffer {
  registerFonts();
  const columns = Math.max(1, Math.ceil(Math.sqrt(samples.length)));
  const rows = Math.max(1, Math.ceil(samples.length / columns));
  const tile = 240;
  const gap = 24;
  const caption = 64;
  const header = 70;
  const canvas = createCanvas(gap + columns * (tile + gap), header + rows * (tile + caption + gap));
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = ink;
  const titleWidth = (size: number) => {
    context.font = `${size}px "${textFont}"`;
    return context.measureText(title).width;
  };
  const room = canvas.width - 2 * gap;
  const needed = titleWidth(28);
  if (needed > room) titleWidth(Math.floor((28 * room) / needed));
  context.fillText(title, gap, 46);
  for (const [index, sample] of samples.entries()) {
    const x = gap + (index % columns) * (tile + gap);
    const y = header + Math.floor(index / columns) * (tile + caption + gap);
    const color = sample.trueLabel === sample.predictedLabel ? right : wrong;
    const source = createCanvas(sample.width, sample.height);
    source.getContext("2d").putImageData(new ImageData(withAlpha(sample.pixels), sample.width, sample.height), 0, 0);
    const scale = Math.min(tile / sample.width, tile / sample.height);
    const [width, height] = [sample.width * scale, sample.height * scale];
    context.fillStyle = faint;
    context.fillRect(x, y, tile, tile);
    context.drawImage(source, x + (tile - width) / 2, y + (tile - height) / 2, width, height);
    context.strokeStyle = color;
    context.lineWidth = 6;
    context.strokeRect(x, y, tile, tile);
    context.fillStyle = color;
    context.font = `22px "${textFont}"`;
    const confidence = `  ${(100 * sample.confidence).toFixed(0)}%`;
    context.fillText(`${fitted(context, sample.predictedLabel, tile, confidence)}${confidence}`, x, y + tile + 30);
    context.fillStyle = ink;
    context.font = `18px "${textFont}"`;
    context.fillText(fitted(context, `true: ${sample.trueLabel}`, tile), x, y + tile + 54);
  }
  return canvas.toBuffer("image/png");
}

/** A text cut to a width in pixels, which what follows it has a part of. */
function fitted(context: SKRSContext2D, text: string, width: number, rest = ""): string {
  const fits = (candidate: string) => context.measureText(candidate + rest).width <= width;
  if (fits(text)) return text;
  let length = text.length - 1;
  while (length > 1 && !fits(`${text.slice(0, length)}\u2026`)) length--;
  return `${text.slice(0, length)}\u2026`;
}

function withAlpha(rgb: Uint8Array | Uint8ClampedArray): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray((rgb.length / 3) * 4);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from] as number;
    rgba[to + 1] = rgb[from + 1] as number;
    rgba[to + 2] = rgb[from + 2] as number;
    rgba[to + 3] = 255;
  }
  return rgba;
}
