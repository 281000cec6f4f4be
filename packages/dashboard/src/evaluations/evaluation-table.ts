import { statSync } from "node:fs";
import {
  evaluationPaths,
  fileInside,
  labelCounts,
  type Prediction,
  predictionDetailsPath,
  readPredictions,
  splitLabels,
} from "@classifier-training/runs";

/** The predictions of an evaluation, with classes as indices. */
export interface EvaluationTable {
  readonly rows: readonly Prediction[];
  readonly isMultilabel: boolean;
  /** Of the classes. */
  readonly names: readonly string[];
  readonly truth: readonly (readonly number[])[];
  readonly predicted: readonly (readonly number[])[];
  /** NaN where the outputs were not finite. */
  readonly confidence: Float64Array;
  /** Wrong labels of each sample. */
  readonly wrong: Uint16Array;
}

/** Rows of all tables that are kept. */
const maxRows = 500_000;

/** Tables that were read last: a page asks for several views of one. */
export class TableCache {
  readonly #tables = new Map<string, { readonly stamp: string; readonly table: EvaluationTable }>();

  /**
   * @param classes the names of the run's classes; others that the table has follow them
   * @returns undefined where the evaluation has no table
   * @throws CtError for one that is not a table of predictions
   */
  get(folder: string, classes: readonly string[]): EvaluationTable | undefined {
    const path = fileInside(folder, evaluationPaths.predictions);
    if (path === undefined) return undefined;
    // The details are written after the table, and dropped when another epoch is better.
    const files = [path, predictionDetailsPath(path)].map((file) => statSync(file, { throwIfNoEntry: false }));
    const stamp = [...files.map((file) => `${file?.size} ${file?.mtimeMs}`), classes.length].join(" ");
    const kept = this.#tables.get(path);
    this.#tables.delete(path);
    const table = kept?.stamp === stamp ? kept.table : readTable(path, classes);
    this.#tables.set(path, { stamp, table });
    let rows = 0;
    for (const [other, one] of [...this.#tables].reverse()) {
      rows += one.table.rows.length;
      if (rows > maxRows && other !== path) this.#tables.delete(other);
    }
    return table;
  }
}

function readTable(path: string, classes: readonly string[]): EvaluationTable {
  const rows = readPredictions(path).map(({ row }) => row);
  const counts = rows.map(labelCounts);
  const isMultilabel = counts.some((count) => count !== undefined);
  const indices = new Map(classes.map((name, i) => [name, i]));
  const known = new Map<string, readonly number[]>();
  const indexOf = (name: string) => {
    const index = indices.get(name) ?? indices.size;
    indices.set(name, index);
    return index;
  };
  const indicesOf = (cell: string) => {
    const found = known.get(cell) ?? (isMultilabel ? splitLabels(cell) : [cell]).map(indexOf);
    known.set(cell, found);
    return found;
  };
  return {
    rows,
    isMultilabel,
    truth: rows.map((row) => indicesOf(row.true)),
    predicted: rows.map((row) => indicesOf(row.predicted)),
    names: [...indices.keys()],
    confidence: Float64Array.from(rows, ({ confidence = "NaN" }) => Number(confidence)),
    wrong: Uint16Array.from(rows, (row, i) => {
      const count = counts[i];
      return count === undefined ? Number(row.true !== row.predicted) : count.fp + count.fn;
    }),
  };
}
