import { createCanvas, ImageData, type SKRSContext2D } from "@napi-rs/canvas";
import { blues, faint, ink } from "./colors.ts";
import { registerFonts, textFont } from "./fonts.ts";

/** Side of the matrix in pixels, however many classes there are. */
const largestSide = 2200;

/** Beyond this number of classes, cells hold several classes. */
const mostCells = 1100;

/** Longer names are truncated. */
const longestName = 32;

/**
 * Plots a confusion matrix: rows are true classes, columns predicted ones; the color is the fraction of the row, the
 * number the count. The image grows with the number of classes while every name stays readable; of more classes every
 * few have a name.
 *
 * @param counts `counts[true][predicted]`
 * @returns a PNG file
 */
export function drawConfusionMatrix(
  given: readonly (readonly number[])[],
  names: readonly string[],
  title: string,
  about: string,
): Buffer {
  registerFonts();
  const perCell = Math.ceil(given.length / mostCells);
  const counts = perCell === 1 ? given : pooled(given, perCell);
  const classNames = counts.map((_, i) => shortened(names[i * perCell] ?? ""));
  const subtitle = perCell === 1 ? about : `${about}; ${perCell} classes a cell`;
  const classes = counts.length;
  const cell = classes <= 5 ? 110 : classes <= 12 ? 56 : classes <= 60 ? 36 : Math.floor(largestSide / classes);
  const fontSize = Math.max(9, Math.min(18, Math.round(cell * 0.42)));
  const measure = createCanvas(1, 1).getContext("2d");
  measure.font = `${fontSize}px "${textFont}"`;
  const nameWidth = Math.max(...classNames.map((name) => measure.measureText(name).width), 10);
  const left = Math.ceil(nameWidth + fontSize * 3.2);
  const top = Math.ceil(fontSize * 5.2);
  const side = cell * classes;
  const bottom = Math.ceil(nameWidth * 0.75 + fontSize * 4);
  const scale = { width: 18, gap: 24, labels: fontSize * 6 };
  const textWidth = measure.measureText(subtitle).width + fontSize;
  const width = left + Math.max(side + scale.gap + scale.width + scale.labels, textWidth);
  const canvas = createCanvas(Math.ceil(width), top + side + bottom);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (cell < 20) drawPixels(context, counts, { left, top, cell });
  else drawCells(context, counts, { left, top, cell });
  drawAxes(context, classNames, { left, top, cell, side, fontSize, bottom });
  drawScale(context, { x: left + side + scale.gap, y: top, width: scale.width, height: side, fontSize });
  context.fillStyle = ink;
  context.textAlign = "left";
  context.font = `${Math.round(fontSize * 1.5)}px "${textFont}"`;
  context.fillText(title, left, fontSize * 1.8);
  context.font = `${fontSize}px "${textFont}"`;
  context.fillText(subtitle, left, fontSize * 3.7);
  return canvas.toBuffer("image/png");
}

function shortened(name: string): string {
  return name.length > longestName ? `${name.slice(0, longestName - 1)}\u2026` : name;
}

/** Sums of blocks of `size` by `size` cells. */
function pooled(counts: readonly (readonly number[])[], size: number): number[][] {
  const cells = Math.ceil(counts.length / size);
  const sums = Array.from({ length: cells }, () => new Array<number>(cells).fill(0));
  for (const [i, row] of counts.entries()) {
    const into = sums[Math.floor(i / size)] as number[];
    for (const [k, value] of row.entries()) {
      const at = Math.floor(k / size);
      into[at] = (into[at] as number) + value;
    }
  }
  return sums;
}

/** The cells as one image: a canvas remembers every rectangle until it is encoded. */
function drawPixels(context: SKRSContext2D, counts: readonly (readonly number[])[], { left, top, cell }: Grid): void {
  const classes = counts.length;
  const pixels = new Uint8ClampedArray(classes * classes * 4).fill(255);
  for (const [row, values] of counts.entries()) {
    const total = values.reduce((sum, value) => sum + value, 0);
    for (const [column, value] of values.entries()) {
      if (value === 0) continue;
      const [red = 0, green = 0, blue = 0] = (blues(value / total).match(/\d+/g) ?? []).map(Number);
      pixels.set([red, green, blue], (row * classes + column) * 4);
    }
  }
  const small = createCanvas(classes, classes);
  small.getContext("2d").putImageData(new ImageData(pixels, classes, classes), 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, left, top, classes * cell, classes * cell);
}

interface Grid {
  readonly left: number;
  readonly top: number;
  readonly cell: number;
}

function drawCells(context: SKRSContext2D, counts: readonly (readonly number[])[], { left, top, cell }: Grid): void {
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const [row, values] of counts.entries()) {
    const total = values.reduce((sum, value) => sum + value, 0);
    for (const [column, value] of values.entries()) {
      const fraction = total === 0 ? 0 : value / total;
      const x = left + column * cell;
      const y = top + row * cell;
      context.fillStyle = blues(fraction);
      context.fillRect(x, y, cell, cell);
      if (value === 0 || cell < 20) continue;
      const digits = String(value).length;
      context.font = `${Math.round(Math.min(cell * 0.4, (cell * 1.3) / digits))}px "${textFont}"`;
      context.fillStyle = fraction > 0.55 ? "white" : ink;
      context.fillText(String(value), x + cell / 2, y + cell / 2);
    }
  }
}

function drawAxes(
  context: SKRSContext2D,
  classNames: readonly string[],
  { left, top, cell, side, fontSize, bottom }: Grid & { side: number; fontSize: number; bottom: number },
): void {
  context.strokeStyle = faint;
  context.lineWidth = 1;
  for (let i = 0; i <= classNames.length; i += cell < 8 ? classNames.length : 1) {
    const offset = i * cell + 0.5;
    context.beginPath();
    context.moveTo(left, top + offset);
    context.lineTo(left + side, top + offset);
    context.moveTo(left + offset, top);
    context.lineTo(left + offset, top + side);
    context.stroke();
  }
  context.fillStyle = ink;
  context.font = `${fontSize}px "${textFont}"`;
  context.textBaseline = "middle";
  context.textAlign = "right";
  const every = Math.ceil((1.2 * fontSize) / cell);
  for (const [i, name] of classNames.entries()) {
    if (i % every !== 0) continue;
    const middle = i * cell + cell / 2;
    context.fillText(name, left - 8, top + middle);
    context.save();
    context.translate(left + middle, top + side + 10);
    context.rotate(-Math.PI / 4);
    context.fillText(name, 0, 0);
    context.restore();
  }
  context.textAlign = "center";
  context.fillText("predicted", left + side / 2, top + side + bottom - fontSize * 1.2);
  context.save();
  context.translate(fontSize, top + side / 2);
  context.rotate(-Math.PI / 2);
  context.fillText("true", 0, 0);
  context.restore();
}

const scaleTitle = "fraction of the true class";

function drawScale(
  context: SKRSContext2D,
  { x, y, width, height, fontSize }: { x: number; y: number; width: number; height: number; fontSize: number },
): void {
  for (let row = 0; row < height; row++) {
    context.fillStyle = blues(1 - row / height);
    context.fillRect(x, y + row, width, 1);
  }
  context.strokeStyle = faint;
  context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
  context.fillStyle = ink;
  context.font = `${fontSize}px "${textFont}"`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const percent of [0, 25, 50, 75, 100])
    context.fillText(`${percent}%`, x + width + 6, y + height * (1 - percent / 100));
  if (context.measureText(scaleTitle).width > height) return;
  context.save();
  context.translate(x + width + fontSize * 4.6, y + height / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(scaleTitle, 0, 0);
  context.restore();
}
