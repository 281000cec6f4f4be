import type { ConfusionCell } from "@classifier-training/runs";
import { createCanvas, ImageData, type SKRSContext2D } from "@napi-rs/canvas";
import { bluesOf, faint, ink, quiet, wrong } from "./colors.ts";
import { fitted, measureAt, write, writeHead, writeUpward } from "./text.ts";

/** Side of the overview in pixels. */
const side = 800;

/** Of more classes, a pixel holds several. */
const mostBlocks = 400;

/** How many of the most confused pairs are listed. */
const mostPairs = 30;

const rowHeight = 27;
const fontSize = 15;
const nameRoom = 190;

interface Overview {
  readonly cells: readonly ConfusionCell[];
  readonly names: readonly string[];
  readonly title: string;
  readonly lines: readonly string[];
}

/** A class that is often taken for another one. */
interface ConfusedPair extends ConfusionCell {
  /** Of the samples of the true class. */
  readonly fraction: number;
}

/** The matrix of many classes: left a map of all of them, right the most confused pairs. @returns a PNG file */
export function drawConfusionOverview({ cells, names, title, lines }: Overview): Buffer {
  const perBlock = Math.ceil(names.length / mostBlocks);
  const [left, top] = [110, 100 + lines.length * 24];
  const list = left + side + 60;
  const width = list + 2 * nameRoom + 260;
  const canvas = createCanvas(width, top + side + 80);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  drawMap(context, cells, names.length, perBlock, { left, top });
  drawPairs(context, mostConfused(cells), names, { x: list, y: top });
  const blocks = perBlock === 1 ? "" : `, ${perBlock} classes a cell`;
  const about = `${names.length.toLocaleString("en-US")} classes${blocks}; darker: more of the true class, 0% to 100% on a square-root scale`;
  writeHead(context, { title, lines: [...lines, about], x: 24, width: width - 48 }, { title: ink, line: quiet });
  return canvas.toBuffer("image/png");
}

/** The pairs of classes with the most confusions; of equally many those of the smaller class. */
function mostConfused(cells: readonly ConfusionCell[]): { pairs: ConfusedPair[]; errors: number } {
  const totals = new Map<number, number>();
  for (const { label, count } of cells) totals.set(label, (totals.get(label) ?? 0) + count);
  const pairs = cells
    .filter(({ label, predicted }) => label !== predicted)
    .map((cell) => ({ ...cell, fraction: cell.count / (totals.get(cell.label) ?? cell.count) }))
    .sort((a, b) => b.count - a.count || b.fraction - a.fraction || a.label - b.label || a.predicted - b.predicted);
  return { pairs: pairs.slice(0, mostPairs), errors: pairs.reduce((sum, { count }) => sum + count, 0) };
}

/** Row-normalized sums of blocks of classes, as one image. */
function drawMap(
  context: SKRSContext2D,
  cells: readonly ConfusionCell[],
  classes: number,
  perBlock: number,
  { left, top }: { left: number; top: number },
): void {
  const blocks = Math.ceil(classes / perBlock);
  const sums = new Float64Array(blocks * blocks);
  const totals = new Float64Array(blocks);
  for (const { label, predicted, count } of cells) {
    const [row, column] = [label, predicted].map((k) => Math.floor(k / perBlock)) as [number, number];
    sums[row * blocks + column] = (sums[row * blocks + column] ?? 0) + count;
    totals[row] = (totals[row] ?? 0) + count;
  }
  const pixels = new Uint8ClampedArray(blocks * blocks * 4).fill(255);
  for (const [i, sum] of sums.entries()) {
    // Square root: single errors are seen, too.
    if (sum > 0) pixels.set(bluesOf(Math.sqrt(sum / (totals[Math.floor(i / blocks)] as number))), i * 4);
  }
  const small = createCanvas(blocks, blocks);
  small.getContext("2d").putImageData(new ImageData(pixels, blocks, blocks), 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, left, top, side, side);
  context.strokeStyle = faint;
  context.strokeRect(left + 0.5, top + 0.5, side - 1, side - 1);
  const step = roundStep(classes / 8);
  for (let k = 0; k < classes; k += step) {
    const at = (side * (k + 0.5)) / (blocks * perBlock);
    context.textBaseline = "middle";
    context.textAlign = "right";
    write(context, String(k), left - 10, top + at, 14, ink);
    context.textBaseline = "top";
    context.textAlign = "center";
    write(context, String(k), left + at, top + side + 8, 14, ink);
  }
  write(context, "index of the predicted class", left + side / 2, top + side + 38, 16, quiet);
  writeUpward(context, "index of the true class", 24, top + side / 2, 16, quiet);
}

/** 1, 2 or 5 times a power of ten, at least as large as what is given. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, least)));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

function drawPairs(
  context: SKRSContext2D,
  { pairs, errors }: { pairs: readonly ConfusedPair[]; errors: number },
  names: readonly string[],
  { x, y }: { x: number; y: number },
): void {
  const measure = measureAt(fontSize);
  const [second, bar] = [x + nameRoom + 24, x + 2 * nameRoom + 48];
  context.textBaseline = "middle";
  context.textAlign = "left";
  if (pairs.length === 0) {
    write(context, "no confusions", x, y + 10, fontSize, ink);
    return;
  }
  const shown = pairs.reduce((sum, { count }) => sum + count, 0);
  const head = `${pairs.length === 1 ? "the most confused pair" : `the ${pairs.length} most confused pairs`}: ${shown} of ${errors} errors`;
  write(context, head, x, y - 26, fontSize, ink);
  for (const [text, at] of [
    ["true", x],
    ["predicted", second],
    ["count, % of the true class", bar],
  ] as const)
    write(context, text, at, y, 14, quiet);
  for (const [i, { label, predicted, count, fraction }] of pairs.entries()) {
    const row = y + (i + 1) * rowHeight;
    write(context, fitted(names[label] ?? `#${label}`, nameRoom, measure), x, row, fontSize, ink);
    write(context, fitted(names[predicted] ?? `#${predicted}`, nameRoom, measure), second, row, fontSize, ink);
    context.fillStyle = wrong;
    context.fillRect(bar, row - 8, Math.max(2, 80 * fraction), 16);
    write(context, `${count}, ${Math.round(100 * fraction)}%`, bar + 88, row, fontSize, ink);
  }
}
