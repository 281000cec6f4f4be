import { createCanvas } from "@napi-rs/canvas";
import { blues, faint, ink, right, wrong } from "./colors.ts";
import { registerFonts, textFont } from "./fonts.ts";

/** How one class fared at its threshold. */
export interface LabelConfusion {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
  readonly tn: number;
  readonly f1: number;
  readonly threshold: number;
}

const columns = ["TP", "FP", "FN", "TN"] as const;
const cell = { width: 92, height: 34 };
const fontSize = 16;
const longestName = 32;
/** A canvas of more rows would be larger than most programs open. */
const mostRows = 600;

/**
 * Plots a 2 x 2 confusion matrix for each class as a row: true positives, false positives, false negatives and true
 * negatives at the class's threshold, shaded by their fraction of the samples that are (TP, FN) or are not (FP, TN) of
 * the class. Of more than 600 classes, those of the lowest F1 are plotted.
 * @returns a PNG file
 */
export function drawLabelConfusions(
  reports: readonly LabelConfusion[],
  names: readonly string[],
  title: string,
  about: string,
): Buffer {
  registerFonts();
  const all = reports.map((report, k) => ({ ...report, name: shortened(names[k] ?? String(k)) }));
  const shown = all.length <= mostRows ? all : [...all].sort((a, b) => a.f1 - b.f1).slice(0, mostRows);
  const measure = createCanvas(1, 1).getContext("2d");
  measure.font = `${fontSize}px "${textFont}"`;
  const nameWidth = Math.max(40, ...shown.map(({ name }) => measure.measureText(name).width));
  const subtitle = shown.length === all.length ? about : `${about}; the ${mostRows} classes of the lowest F1`;
  const [left, top] = [Math.ceil(nameWidth + 32), 110];
  const table = left + (columns.length + 2) * cell.width;
  const width = Math.ceil(Math.max(table, left + measure.measureText(subtitle).width) + 24);
  const canvas = createCanvas(width, top + shown.length * cell.height + 24);
  const context = canvas.getContext("2d");
  const write = (text: string, x: number, y: number, color = ink) => {
    context.fillStyle = color;
    context.fillText(text, x, y);
  };
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.font = `${Math.round(fontSize * 1.5)}px "${textFont}"`;
  write(title, left, 34);
  context.font = `${fontSize}px "${textFont}"`;
  write(subtitle, left, 64);
  context.textBaseline = "middle";
  context.textAlign = "center";
  for (const [i, name] of [...columns, "F1", "threshold"].entries())
    write(name, left + (i + 0.5) * cell.width, top - 16);
  for (const [row, report] of shown.entries()) {
    const y = top + row * cell.height;
    const middle = y + cell.height / 2;
    context.textAlign = "right";
    write(report.name, left - 12, middle);
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
      const isError = (name === "FP" || name === "FN") && counts[name] > 0 && fraction <= 0.55;
      write(String(counts[name]), x + cell.width / 2, middle, fraction > 0.55 ? "white" : isError ? wrong : ink);
    }
    write(report.f1.toFixed(2), left + 4.5 * cell.width, middle, report.f1 < 0.5 ? wrong : right);
    write(report.threshold.toFixed(2), left + 5.5 * cell.width, middle);
  }
  return canvas.toBuffer("image/png");
}

function shortened(name: string): string {
  return name.length > longestName ? `${name.slice(0, longestName - 1)}\u2026` : name;
}
