import { CtError, csvText, parseCsv, readRegularFile, writeFileAtomic } from "@classifier-training/base";
import type { ConfusionCell } from "./analysis/confusion.ts";

/** Up to so many classes the counts are a table that people read; of more, a line for each cell that is not zero. */
const largestTable = 100;

const corner = "true\\predicted";
const cellColumns = ["true", "predicted", "count"] as const;
const maxBytes = 2 ** 30;

/** A cell of a confusion matrix by the names of its classes. */
export interface NamedConfusion {
  readonly true: string;
  readonly predicted: string;
  readonly count: number;
}

/**
 * Writes `confusion_matrix.csv`: up to 100 classes a row for each true class and a column for each predicted one; of more
 * classes the columns true, predicted and count, without the cells that are zero.
 */
export function writeConfusionCounts(path: string, cells: readonly ConfusionCell[], names: readonly string[]): void {
  if (names.length > largestTable) {
    const rows = cells.map(({ label, predicted, count }) => [
      names[label] ?? label,
      names[predicted] ?? predicted,
      count,
    ]);
    writeFileAtomic(path, csvText(cellColumns, rows));
    return;
  }
  const table = names.map((name) => [name, ...new Array<number>(names.length).fill(0)]);
  for (const { label, predicted, count } of cells) {
    const row = table[label];
    if (row !== undefined) row[predicted + 1] = count;
  }
  writeFileAtomic(path, csvText([corner, ...names], table));
}

/**
 * The cells of a `confusion_matrix.csv` that are not zero, in either layout.
 * @throws CtError for another file; that of a multilabel model has true and false positives and negatives instead
 */
export function readConfusionCounts(path: string): NamedConfusion[] {
  const rows = parseCsv(readRegularFile(path, maxBytes).toString("utf8"), path).map(({ values }) => values);
  const [first = {}] = rows;
  if (Object.hasOwn(first, corner)) {
    return rows.flatMap(({ [corner]: label = "", ...columns }) =>
      Object.entries(columns).flatMap(([predicted, cell]) =>
        cell === "0" ? [] : [{ true: label, predicted, count: Number(cell) }],
      ),
    );
  }
  if (cellColumns.every((name) => Object.hasOwn(first, name)))
    return rows.map((row) => ({
      true: row["true"] ?? "",
      predicted: row["predicted"] ?? "",
      count: Number(row["count"]),
    }));
  throw new CtError({
    code: "runs/confusion-matrix",
    what: `expected the columns ${cellColumns.join(", ")}, or a table with ${corner} in its corner; received ${Object.keys(first).slice(0, 5).join(", ") || "no rows"}`,
    where: path,
    fix: "give a confusion_matrix.csv of a training with one label an image",
  });
}
