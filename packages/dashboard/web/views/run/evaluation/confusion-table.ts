import { percent } from "@classifier-training/runs/analysis";
import type { ConfusionReply } from "../../../../src/evaluation-types.ts";

export interface ConfusionCell {
  /** True class. */
  readonly row: number;
  /** Predicted class. */
  readonly column: number;
  readonly count: number;
}

/** A confusion matrix of which only the cells that are not zero are kept. */
export interface ConfusionTable {
  readonly names: readonly string[];
  readonly cells: readonly ConfusionCell[];
  readonly countAt: (row: number, column: number) => number;
  readonly rowTotals: Float64Array;
  readonly columnTotals: Float64Array;
  readonly total: number;
  readonly errors: number;
  /** The cells off the diagonal, the largest first. */
  readonly pairs: readonly ConfusionCell[];
}

export function confusionTable({ names, cells: flat }: ConfusionReply): ConfusionTable {
  const cells = Array.from({ length: flat.length / 3 }, (_, i): ConfusionCell => {
    const [row = 0, column = 0, count = 0] = flat.slice(3 * i, 3 * i + 3);
    return { row, column, count };
  });
  const [rowTotals, columnTotals] = [new Float64Array(names.length), new Float64Array(names.length)];
  const counts = new Map<number, number>();
  for (const { row, column, count } of cells) {
    counts.set(row * names.length + column, count);
    rowTotals[row] = (rowTotals[row] ?? 0) + count;
    columnTotals[column] = (columnTotals[column] ?? 0) + count;
  }
  const pairs = cells.filter(({ row, column }) => row !== column).sort((a, b) => b.count - a.count);
  return {
    names,
    cells,
    countAt: (row, column) => counts.get(row * names.length + column) ?? 0,
    rowTotals,
    columnTotals,
    total: rowTotals.reduce((a, b) => a + b, 0),
    errors: pairs.reduce((sum, { count }) => sum + count, 0),
    pairs,
  };
}

/** Class indices in the order in which they are shown. */
export function orderedClasses({ names, pairs, rowTotals }: ConfusionTable, order: string): number[] {
  const indices = [...names.keys()];
  if (order === "name") {
    const collator = new Intl.Collator("en", { numeric: true });
    return indices.sort((a, b) => collator.compare(names[a] as string, names[b] as string));
  }
  if (order === "support") return indices.sort((a, b) => (rowTotals[b] as number) - (rowTotals[a] as number) || a - b);
  if (order !== "errors") return indices;
  const errors = new Float64Array(names.length);
  for (const { row, column, count } of pairs) {
    for (const k of [row, column]) errors[k] = (errors[k] as number) + count;
  }
  return indices.sort((a, b) => (errors[b] as number) - (errors[a] as number) || a - b);
}

/** What a cell says, in words. */
export function cellText({ names, countAt, rowTotals }: ConfusionTable, row: number, column: number): string {
  const count = countAt(row, column);
  const total = rowTotals[row] ?? 0;
  const part = total === 0 ? "the class has no images" : `${percent(count / total)} of ${total}`;
  const what = row === column ? `${names[row]}, right` : `${names[row]} predicted as ${names[column]}`;
  return `${what}: ${count} (${part})`;
}
