import { basename, dirname } from "node:path";
import { columnsOf, displayPath, plural } from "@classifier-training/base";
import { describeInterval, percent } from "@classifier-training/runs";
import { renderTable } from "../drawing/table.ts";
import type { CrossValidation } from "../training/cross-validation.ts";
import { describeErrors } from "./describe-result.ts";

/** The pooled predictions of all folds, for people. */
export function describeFolds({ folds, summary, f1Micro, reports, files }: CrossValidation): string {
  const values = folds.map(({ accuracy }) => accuracy.value);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  const unread = folds.reduce((sum, fold) => sum + fold.unread, 0);
  const lines: (readonly [string, string])[] = [
    [f1Micro === undefined ? "accuracy" : "exact match", describeInterval(summary.accuracy)],
    ...(f1Micro === undefined ? [] : [["F1 micro", percent(f1Micro)] as const]),
    ["by fold", values.map(percent).join(" ")],
    ["", `mean ${percent(mean)}, standard deviation ${percent(deviation)}`],
    ...(unread === 0 ? [] : [["unread", `${plural(unread, "image")} of the folds without a prediction`] as const]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const [file = ""] = files;
  return [
    `${folds.length} folds: ${plural(summary.accuracy.n, "image")}, each predicted by a model that was not trained on it`,
    "",
    ...lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    "",
    renderTable(
      "Classes, all folds",
      ["class", "images", "correct", "precision", "recall", "F1"],
      reports.map((r) => [r.name, r.support, r.correct, r.precision.toFixed(3), r.recall.toFixed(3), r.f1.toFixed(3)]),
    ),
    ...describeErrors(summary, columnsOf(process.stdout)),
    "",
    `stored in ${displayPath(dirname(file))}: ${files.map((path) => basename(path)).join(", ")}`,
    "",
  ].join("\n");
}
