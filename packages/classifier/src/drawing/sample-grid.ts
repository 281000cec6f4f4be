import { createCanvas, ImageData } from "@napi-rs/canvas";
import { faint, ink, right, wrong } from "./colors.ts";
import { drawable, font } from "./fonts.ts";
import { fitted, measureAt } from "./text.ts";

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

export interface SampleGrid {
  readonly samples: readonly GridSample[];
  readonly title: string;
}

/** Plots images in a square grid, with a solid frame for a correct prediction and a dashed one for a wrong one. @returns a PNG file */
export function drawSampleGrid({ samples, title }: SampleGrid): Buffer {
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
    context.font = font(size);
    return context.measureText(title).width;
  };
  const room = canvas.width - 2 * gap;
  const needed = titleWidth(28);
  if (needed > room) titleWidth(Math.floor((28 * room) / needed));
  context.fillText(title, gap, 46);
  const [large, small] = [measureAt(22), measureAt(18)];
  for (const [index, sample] of samples.entries()) {
    const x = gap + (index % columns) * (tile + gap);
    const y = header + Math.floor(index / columns) * (tile + caption + gap);
    const isRight = sample.trueLabel === sample.predictedLabel;
    const color = isRight ? right : wrong;
    const source = createCanvas(sample.width, sample.height);
    source.getContext("2d").putImageData(new ImageData(withAlpha(sample.pixels), sample.width, sample.height), 0, 0);
    const scale = Math.min(tile / sample.width, tile / sample.height);
    const [width, height] = [sample.width * scale, sample.height * scale];
    context.fillStyle = faint;
    context.fillRect(x, y, tile, tile);
    context.drawImage(source, x + (tile - width) / 2, y + (tile - height) / 2, width, height);
    context.strokeStyle = color;
    context.lineWidth = 6;
    context.setLineDash(isRight ? [] : [18, 10]);
    context.strokeRect(x, y, tile, tile);
    context.setLineDash([]);
    context.fillStyle = color;
    context.font = font(22);
    const confidence = `  ${(100 * sample.confidence).toFixed(0)}%`;
    const room = tile - large(confidence);
    context.fillText(`${fitted(shown(sample.predictedLabel), room, large)}${confidence}`, x, y + tile + 30);
    context.fillStyle = ink;
    context.font = font(18);
    context.fillText(`true: ${fitted(shown(sample.trueLabel), tile - small("true: "), small)}`, x, y + tile + 54);
  }
  return canvas.toBuffer("image/png");
}

/** A name that no font here has is not rendered as boxes. */
function shown(name: string): string {
  return drawable(name) ? name.replaceAll(/\s+/g, " ") : "(no font)";
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
