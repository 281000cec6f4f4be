import { VisionError } from "../errors.ts";
import type { SampleMetadata } from "./dataset.ts";
import type { Task } from "./label-sets.ts";

/** What a configuration may say of the labels: `auto` is what the rows look like. */
export const taskChoices = ["auto", "multiclass", "multilabel"] as const;

export type TaskChoice = (typeof taskChoices)[number];

/** A row of a listing, whatever the format. */
export interface LabeledRow {
  readonly path: string;
  /** Empty where the row has none. */
  readonly label: string;
  /** The labels of a row that may have several; an empty list is an image of no class. */
  readonly labels?: readonly string[] | undefined;
  /** File and line. */
  readonly where: string;
  readonly metadata?: SampleMetadata | undefined;
}

/** Between the labels of one cell. */
const separators = ["|", ";"] as const;

/** The labels of a list, or of a list's text as JSON and Python write it; undefined for any other value. */
export function labelList(value: unknown): string[] | undefined {
  const list = Array.isArray(value) ? value : listOfText(value);
  if (list === undefined || !list.every((label) => typeof label === "string" || typeof label === "number")) return;
  return [...new Set(list.map((label) => String(label).trim()))].filter((label) => label !== "");
}

function listOfText(value: unknown): unknown[] | undefined {
  if (typeof value !== "string" || !/^\s*\[.*\]\s*$/s.test(value)) return undefined;
  for (const text of [value, value.replaceAll('"', '\\"').replaceAll("'", '"')]) {
    try {
      return JSON.parse(text) as unknown[];
    } catch {
      // Python writes single quotes.
    }
  }
  return undefined;
}

/**
 * The rows of a listing with the labels of a task: each with `labels` (multilabel) or none (multiclass). Rows are
 * multilabel where one holds a list, or where labels stand between separators and recur in other cells. Rows that name
 * the same image are one sample of all their labels then.
 * @throws VisionError for a row of several labels where each sample has one
 */
export function rowsOfTask<Row extends LabeledRow>(rows: readonly Row[], choice: TaskChoice): readonly Row[] {
  const lists = rows.some(({ labels }) => labels !== undefined);
  const separator = lists || choice === "multiclass" ? undefined : separatorOf(rows, choice === "multilabel");
  const task: Task = choice === "auto" ? (lists || separator !== undefined ? "multilabel" : "multiclass") : choice;
  if (task === "multiclass") return lists ? rows.map(oneLabel) : rows;
  return byImage(
    rows.map((row) => {
      const labels = row.labels ?? (separator === undefined ? [row.label] : row.label.split(separator));
      const named = [...new Set(labels.map((label) => label.trim()).filter((label) => label !== ""))];
      // An empty cell among cells of several labels is a sample of no class, without a list or separator it has no label.
      if (row.labels === undefined && separator === undefined && named.length === 0) return row;
      return { ...row, label: named.join(", "), labels: named };
    }),
  );
}

/** The separator of cells with several labels. @param certain whether one occurrence is enough */
function separatorOf(rows: readonly LabeledRow[], certain: boolean): string | undefined {
  return separators.find((separator) => {
    const cells = new Set(rows.map(({ label }) => label).filter((label) => label.includes(separator)));
    if (certain || cells.size === 0) return cells.size > 0;
    // In a class's own name, as `a|b`, parts do not come again in another order or company.
    const seen = new Set(rows.map(({ label }) => label).filter((label) => !label.includes(separator)));
    for (const cell of cells) {
      const parts = new Set(cell.split(separator).map((part) => part.trim()));
      for (const part of parts) if (seen.has(part)) return true;
      for (const part of parts) seen.add(part);
    }
    return false;
  });
}

function oneLabel<Row extends LabeledRow>({ labels, ...row }: Row): Row {
  if (labels === undefined) return row as Row;
  if (labels.length < 2) return { ...row, label: labels[0] ?? "" } as Row;
  throw new VisionError({
    code: "vision/task",
    what: `expected one label per image (data.task=multiclass), received ${labels.join(", ")}`,
    where: row.where,
    fix: "set data.task=multilabel (or auto) for both splits, or keep one label in each row",
  });
}

function byImage<Row extends LabeledRow>(rows: readonly Row[]): readonly Row[] {
  const merged = new Map<string, Row>();
  for (const row of rows) {
    const known = merged.get(row.path);
    if (known?.labels === undefined) merged.set(row.path, row);
    else if (row.labels !== undefined) {
      const labels = [...new Set([...known.labels, ...row.labels])];
      merged.set(row.path, { ...known, label: labels.join(", "), labels });
    }
  }
  return merged.size === rows.length ? rows : [...merged.values()];
}

const on = new Set(["1", "1.0", "true", "True", "TRUE"]);
const off = new Set(["0", "0.0", "false", "False", "FALSE", ""]);

/** The columns that say for one class each whether a row's image has it: 0 or 1, in every row. */
export function indicatorColumns(
  rows: readonly { readonly values: Readonly<Record<string, unknown>> }[],
  columns: readonly string[],
): string[] {
  return columns.filter((column) => {
    let marked = false;
    for (const { values } of rows) {
      const value = cellText(values[column]);
      if (on.has(value) || (off.has(value) && value !== "")) marked = true;
      else if (!off.has(value)) return false;
    }
    return marked;
  });
}

/** The classes that a row's indicator columns mark. */
export function markedColumns(values: Readonly<Record<string, unknown>>, columns: readonly string[]): string[] {
  return columns.filter((column) => on.has(cellText(values[column])));
}

/** A value of a listing as text; empty where there is none. */
export function cellText(value: unknown): string {
  return value == null ? "" : String(value).trim();
}
