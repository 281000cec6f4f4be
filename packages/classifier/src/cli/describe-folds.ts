import { basename, dirname } from "node:path";
import { columnsOf, displayPath, plural, shortened } from "@classifier-training/base";
import { describeInterval, describeSpread, percent, spreadOf } from "@classifier-training/runs";
import { renderTable } from "../drawing/table.ts";
import type { PooledLabels } from "../evaluation/pooled-labels.ts";
import { describeMeasure } from "../statistics/multilabel.ts";
import type { CrossValidation } from "../training/cross-validation.ts";
import { describeErrors } from "./describe-result.ts";

/** In 80 columns. */
const longestName = 28;

/** The pooled predictions of all folds, for people. */
export function describeFolds({ folds, summary, labels, reports, files }: CrossValidation): string {
  const values = folds.map(({ accuracy }) => accuracy.value);
  const unread = folds.reduce((sum, fold) => sum + fold.unread, 0);
  const lines: (readonly [string, string])[] = [
    ...(labels === undefined ? [] : measuresOf(labels)),
    [labels === undefined ? "accuracy" : "exact match", describeInterval(summary.accuracy)],
    ["by fold", values.map(percent).join(" ")],
    ["", describeSpread(spreadOf(values))],
    ...(unread === 0 ? [] : [["unread", `${plural(unread, "image")} of the folds without a prediction`] as const]),
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const [file = ""] = files;
  const aps = labels?.averagePrecision;
  return [
    `${folds.length} folds: ${plural(summary.accuracy.n, "image")}, each predicted by a model that was not trained on it`,
    "",
    ...lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    "",
    renderTable(
      "Classes, all folds",
      ["class", "images", "correct", "precision", "recall", "F1", ...(aps === undefined ? [] : ["AP"])],
      reports.map(({ name, support, correct, precision, recall, f1 }) => [
        shortened(name, longestName),
        support,
        correct,
        ...[precision, recall, f1].map((value) => value.toFixed(3)),
        ...(aps === undefined ? [] : [aps.get(name)?.toFixed(3) ?? ""]),
      ]),
    ),
    ...describeErrors(summary, columnsOf(process.stdout)),
    "",
    `stored in ${displayPath(dirname(file))}:`,
    `  ${files.map((path) => basename(path)).join(", ")}`,
    "",
  ].join("\n");
}

function measuresOf({ mAP, f1Macro, f1Micro }: PooledLabels): (readonly [string, string])[] {
  const line = (name: string, value: typeof f1Macro) => [name, describeMeasure("", value).trim()] as const;
  return [
    mAP === undefined ? ["mAP", "not known: a run has stored no logits (callbacks.best_weights)"] : line("mAP", mAP),
    line("F1 macro", f1Macro),
    line("F1 micro", f1Micro),
  ];
}
