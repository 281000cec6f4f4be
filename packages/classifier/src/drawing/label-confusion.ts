import { createCanvas } from "@napi-rs/canvas";
import { blues, faint, ink, inkOn, quiet, right, wrong } from "./colors.ts";
import { drawableNames, fitted, measureAt, write, writeHead } from "./text.ts";

/** How one class fared at its threshold. */
export interface LabelConfusion {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
  readonly f1: number;
  readonly threshold: number;
}

export interface LabelConfusionPlot {
  readonly reports: readonly LabelConfusion[];
  readonly names: readonly string[];
  readonly title: string;
  readonly about: string;
}

const columns = ["TP", "FP", "FN", "TN"] as const;
const cell = { width: 92, height: 34 };
const fontSize = 16;
const nameRoom = 260;
/** An image of more rows would be taller than 2,500 pixels. */
const mostRows = 60;

/**
 * Plots a 2 x 2 confusion matrix for each class as a row: true positives, false positives, false negatives and true
 * negatives at the class's threshold, shaded by their fraction of the samples that are (TP, FN) or are not (FP, TN) of
 * the class. Of more than 60 classes, those of the lowest F1 are plotted.
 * @returns a PNG file
 */
export function drawLabelConfusions({ reports, names, title, about }: LabelConfusionPlot): Buffer {
  const drawn = drawableNames(names);
  const measure = measureAt(fontSize);
  const all = reports.map((report, k) => ({ ...report, name: fitted(drawn.names[k] ?? `#${k}`, nameRoom, measure) }));
  const shown = all.length <= mostRows ? all : [...all].sort((a, b) => a.f1 - b.f1).slice(0, mostRows);
  const lines = [
    shown.length === all.length ? about : `${about}; the ${mostRows} of ${all.length} classes with the lowest F1`,
    "color: fraction of the samples with the class (TP, FN), or without it (FP, TN)",
    ...drawn.notices,
  ];
  const nameWidth = Math.max(40, ...shown.map(({ name }) => measure(name)));
  const [left, top] = [Math.ceil(nameWidth + 40), 90 + lines.length * 24];
  const width = Math.max(left + (columns.length + 2) * cell.width + 24, 640);
  const canvas = createCanvas(width, top + shown.length * cell.height + 24);
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  writeHead(context, { title, lines, x: 24, width: width - 48 }, { title: ink, line: quiet });
  context.textBaseline = "middle";
  context.textAlign = "center";
  for (const [i, name] of [...columns, "F1", "threshold"].entries())
    write(context, name, left + (i + 0.5) * cell.width, top - 16, fontSize, quiet);
  for (const [row, report] of shown.entries()) {
    const y = top + row * cell.height;
    const middle = y + cell.height / 2;
    context.textAlign = "right";
    write(context, report.name, left - 12, middle, fontSize, ink);
    context.textAlign = "center";
    const [positives, negatives] = [report.tp + report.fn, report.fp + report.tn];
    const counts = { TP: report.tp, FP: report.fp, FN: report.fn, TN: report.tn };
    for (const [i, name] of columns.entries()) {
      const of = name === "TP" || name === "FN" ? positives : negatives;
      const fraction = of === 0 ? 0 : counts[name] / of;
      const x = left + i * cell.width;
      context.fillStyle = blues(fraction);
      context.fillRect(x, y, cell.width, cell.height);
      context.strokeStyle = faint;
      context.strokeRect(x + 0.5, y + 0.5, cell.width, cell.height);
      write(context, String(counts[name]), x + cell.width / 2, middle, fontSize, inkOn(fraction));
    }
    const color = report.f1 < 0.5 ? wrong : right;
    write(context, report.f1.toFixed(2), left + 4.5 * cell.width, middle, fontSize, color);
    write(context, report.threshold.toFixed(2), left + 5.5 * cell.width, middle, fontSize, ink);
  }
  return canvas.toBuffer("image/png");
}
