import { CtError, csvText, parseCsv, readRegularFile, writeFileAtomic } from "@classifier-training/base";
import * as z from "@classifier-training/base/zod";

const count = z.string().regex(/^\d+$/).optional();

/** Labels of a sample that are right, too many, and missing. */
export interface LabelCounts {
  readonly tp: number;
  readonly fp: number;
  readonly fn: number;
}

/** A row of `predictions.csv`: what a model predicted for one sample of a split. */
const predictionSchema = z.object({
  sample: z.string().describe("the image's path, or its index in the split"),
  true: z.string().describe("the name of its class; of several labels their names, with | between them"),
  predicted: z
    .string()
    .describe("the name of the class with the highest probability; multilabel: those above their thresholds"),
  confidence: z.string().optional().describe("that probability; NaN where the model's outputs were not finite"),
  tp: count.describe("multilabel: labels that are predicted and true"),
  fp: count.describe("labels that are predicted only"),
  fn: count.describe("labels that are true only"),
});

export type Prediction = z.infer<typeof predictionSchema>;

const columns = ["sample", "true", "predicted", "confidence"] as const satisfies readonly (keyof Prediction)[];
const maxBytes = 2 ** 30;

/** A prediction as it is written. */
export interface PredictionRow extends Pick<Prediction, "sample" | "true" | "predicted"> {
  /** A probability, 0 to 1. */
  readonly confidence: number;
  /** Of a multilabel sample. */
  readonly counts?: LabelCounts | undefined;
}

/** Writes a table of predictions, all of an evaluation or some. */
export function writePredictions(path: string, rows: readonly PredictionRow[]): void {
  const counted = rows.some(({ counts }) => counts !== undefined) ? (["tp", "fp", "fn"] as const) : [];
  const cells = rows.map((row) => [
    ...columns.map((name) => (name === "confidence" ? row[name].toFixed(6) : row[name])),
    ...counted.map((name) => row.counts?.[name] ?? 0),
  ]);
  writeFileAtomic(path, csvText([...columns, ...counted], cells));
}

/** The labels of a multilabel sample in one cell. */
export function joinLabels(labels: readonly string[]): string {
  return labels.map((label) => label.replaceAll(/[\\|]/g, "\\$&")).join("|");
}

/** The labels that `joinLabels` has put into a cell. */
export function splitLabels(cell: string): string[] {
  if (cell === "") return [];
  return (cell.match(/(?:\\.|[^|\\])+/g) ?? []).map((label) => label.replaceAll(/\\(.)/g, "$1"));
}

/** The counts of a row; undefined where samples have one label each. */
export function labelCounts({ tp, fp, fn }: Prediction): LabelCounts | undefined {
  return tp === undefined || fp === undefined || fn === undefined
    ? undefined
    : { tp: Number(tp), fp: Number(fp), fn: Number(fn) };
}

/** @throws CtError for a file that is not a table of predictions, naming the line */
export function readPredictions(path: string): { readonly row: Prediction; readonly where: string }[] {
  return parseCsv(readRegularFile(path, maxBytes).toString("utf8"), path).map(({ values, where }) => {
    const { data: row } = predictionSchema.safeParse(values);
    if (row !== undefined) return { row, where };
    throw new CtError({
      code: "runs/predictions",
      what: `expected the columns ${columns.slice(0, 3).join(", ")}, received ${Object.keys(values).join(", ")}`,
      where,
      fix: "give a table of predictions that `classifier train` wrote",
    });
  });
}
