import type { ConfusionCell } from "@classifier-training/runs";
import { createCanvas, type SKRSContext2D } from "@napi-rs/canvas";
import { blues, faint, ink, inkOn, quiet } from "./colors.ts";
import { drawConfusionOverview } from "./confusion-overview.ts";
import { font } from "./fonts.ts";
import { drawableNames, fitted, measureAt, write, writeHead, writeUpward } from "./text.ts";

export interface ConfusionPlot {
  /** The cells that are not zero. */
  readonly cells: readonly ConfusionCell[];
  /** Of all classes, by index. */
  readonly names: readonly string[];
  readonly title: string;
  readonly about: string;
}

/** Of more classes a matrix would not be read: the most confused pairs are. */
const mostCells = 60;

/** Width of the longest name in pixels. */
const nameRoom = 220;

/**
 * Plots a confusion matrix: rows are true classes, columns predicted ones; the color is the fraction of the row, the
 * number the count. Of more than 60 classes the most confused pairs are listed beside a compact overview. No side has more
 * than 2,500 pixels.
 * @returns a PNG file
 */
export function drawConfusionMatrix(plot: ConfusionPlot): Buffer {
  const { names, notices } = drawableNames(plot.names);
  const lines = [plot.about, ...notices];
  return names.length > mostCells
    ? drawConfusionOverview({ ...plot, names, lines })
    : drawMatrix({ ...plot, names, lines });
}

interface Grid {
  readonly left: number;
  readonly top: number;
  readonly cell: number;
  readonly side: number;
  readonly fontSize: number;
}

function drawMatrix({ cells, names, title, lines }: ConfusionPlot & { readonly lines: readonly string[] }): Buffer {
  const classes = names.length;
  const cell = classes <= 5 ? 110 : classes <= 12 ? 60 : classes <= 30 ? 40 : 34;
  const fontSize = classes <= 12 ? 16 : 14;
  const measure = measureAt(fontSize);
  const shown = names.map((name) => fitted(name, nameRoom, measure));
  const nameWidth = Math.max(10, ...shown.map(measure));
  const top = 70 + lines.length * 24;
  const left = Math.ceil(Math.max(nameWidth, nameWidth * 0.75 - cell / 2) + 56);
  const side = cell * classes;
  const bottom = Math.ceil(nameWidth * 0.75 + 60);
  const right = 130;
  const width = Math.max(left + side + right, 620);
  const canvas = createCanvas(width, top + side + bottom);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const grid = { left, top, cell, side, fontSize };
  drawCells(context, cells, classes, grid);
  drawAxes(context, shown, grid, canvas.height);
  drawScale(context, { x: left + side + 24, y: top, height: side });
  writeHead(context, { title, lines, x: 24, width: width - 48 }, { title: ink, line: quiet });
  return canvas.toBuffer("image/png");
}

function drawCells(
  context: SKRSContext2D,
  cells: readonly ConfusionCell[],
  classes: number,
  { left, top, cell, side }: Grid,
): void {
  const totals = new Array<number>(classes).fill(0);
  for (const { label, count } of cells) totals[label] = (totals[label] ?? 0) + count;
  context.strokeStyle = faint;
  context.lineWidth = 1;
  for (let i = 0; i <= classes; i++) {
    const offset = i * cell + 0.5;
    context.beginPath();
    context.moveTo(left, top + offset);
    context.lineTo(left + side, top + offset);
    context.moveTo(left + offset, top);
    context.lineTo(left + offset, top + side);
    context.stroke();
  }
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const { label, predicted, count } of cells) {
    const fraction = count / Math.max(1, totals[label] ?? 0);
    const [x, y] = [left + predicted * cell, top + label * cell];
    context.fillStyle = blues(fraction);
    context.fillRect(x + 1, y + 1, cell - 1, cell - 1);
    const size = Math.round(Math.min(cell * 0.4, (cell * 1.4) / String(count).length));
    write(context, String(count), x + cell / 2, y + cell / 2, size, inkOn(fraction));
  }
}

function drawAxes(
  context: SKRSContext2D,
  names: readonly string[],
  { left, top, cell, side, fontSize }: Grid,
  height: number,
): void {
  context.fillStyle = ink;
  context.font = font(fontSize);
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const [i, name] of names.entries()) {
    const middle = i * cell + cell / 2;
    context.fillText(name, left - 8, top + middle);
    context.save();
    context.translate(left + middle + fontSize * 0.3, top + side + 12);
    context.rotate(-Math.PI / 4);
    context.fillText(name, 0, 0);
    context.restore();
  }
  context.textAlign = "center";
  write(context, "predicted class", left + side / 2, height - 20, 16, quiet);
  writeUpward(context, "true class", 24, top + side / 2, 16, quiet);
}

function drawScale(context: SKRSContext2D, { x, y, height }: { x: number; y: number; height: number }): void {
  const width = 16;
  for (let row = 0; row < height; row++) {
    context.fillStyle = blues(1 - row / height);
    context.fillRect(x, y + row, width, 1);
  }
  context.strokeStyle = faint;
  context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1);
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const percent of [0, 25, 50, 75, 100])
    write(context, `${percent}%`, x + width + 6, y + height * (1 - percent / 100), 14, ink);
  writeUpward(context, "of the true class", x + width + 64, y + height / 2, 14, quiet);
}
