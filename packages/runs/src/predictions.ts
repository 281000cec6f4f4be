import { existsSync, rmSync } from "node:fs";
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
const predictionSchema = z.looseObject({
  sample: z.string().describe("the image's path, or its index in the split"),
  true: z.string().describe("the name of its class; of several labels their names, with | between them"),
  predicted: z
    .string()
    .describe("the name of the class with the highest probability; multilabel: those above their thresholds"),
  confidence: z.string().optional().describe("that probability; NaN where the model's outputs were not finite"),
  tp: count.describe("multilabel: labels that are predicted and true"),
  fp: count.describe("labels that are predicted only"),
  fn: count.describe("labels that are true only"),
  group: z.string().optional().describe("what it was grouped by, such as its track"),
  group_predicted: z.string().optional().describe("the common answer of the group; empty where its labels differ"),
  loss: z.string().optional().describe("of the sample; without class weights and label smoothing"),
  top_k: z
    .string()
    .optional()
    .describe("the most probable classes, name=probability with | between them, the most probable first"),
});

export type Prediction = z.infer<typeof predictionSchema>;

const columns = ["sample", "true", "predicted", "confidence"] as const satisfies readonly (keyof Prediction)[];
const maxBytes = 2 ** 30;

/** Columns of what is known of a sample, by their keys: `metadata.camera`. */
const metadataPrefix = "metadata.";

/** What the predictions of the best and of the last epoch also have. */
export interface PredictionDetails {
  /** Cross entropy; multilabel: the mean binary cross entropy of the classes. */
  readonly loss: number;
  /** The most probable classes with their probabilities, 0 to 1, the most probable first. */
  readonly topK: readonly (readonly [name: string, probability: number])[];
  /** What the data says of the sample beside its label. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A prediction as it is written. */
export interface PredictionRow extends Pick<Prediction, "sample" | "true" | "predicted"> {
  /** A probability, 0 to 1. */
  readonly confidence: number;
  /** Of a multilabel sample. */
  readonly counts?: LabelCounts | undefined;
  readonly details?: PredictionDetails | undefined;
  /** What it was grouped by, such as its track. */
  readonly group?: string | undefined;
  /** The common answer of the group. */
  readonly groupPredicted?: string;
}

/** Where the details of a table of predictions are: beside it, so that they can be dropped without touching the table. */
export function predictionDetailsPath(path: string): string {
  return path.replace(/(\.[^./\\]*)?$/, "_details$1");
}

/** Writes a table of predictions, all of an evaluation or some, and their details in a table beside it. */
export function writePredictions(path: string, rows: readonly PredictionRow[]): void {
  const counted = rows.some(({ counts }) => counts !== undefined) ? (["tp", "fp", "fn"] as const) : [];
  const grouped = rows.some(({ group }) => group !== undefined) ? ["group", "group_predicted"] : [];
  const cells = rows.map((row) => [
    ...columns.map((name) => (name === "confidence" ? row[name].toFixed(6) : row[name])),
    ...counted.map((name) => row.counts?.[name] ?? 0),
    ...(grouped.length === 0 ? [] : [row.group ?? "", row.groupPredicted ?? ""]),
  ]);
  // Details of an earlier table must not be taken for those of this one.
  dropPredictionDetails(path);
  writeFileAtomic(path, csvText([...columns, ...counted, ...grouped], cells));
  if (rows.some(({ details }) => details !== undefined)) writeDetails(predictionDetailsPath(path), rows);
}

function writeDetails(path: string, rows: readonly PredictionRow[]): void {
  const keys = [...new Set(rows.flatMap(({ details }) => Object.keys(details?.metadata ?? {})))];
  const cells = rows.map(({ sample, details }) => [
    sample,
    details?.loss.toFixed(6) ?? "",
    joinTopK(details?.topK ?? []),
    ...keys.map((key) => details?.metadata?.[key] ?? ""),
  ]);
  writeFileAtomic(path, csvText(["sample", "loss", "top_k", ...keys.map((key) => `${metadataPrefix}${key}`)], cells));
}

function joinTopK(topK: PredictionDetails["topK"]): string {
  return joinLabels(topK.map(([name, probability]) => `${name}=${probability.toFixed(6)}`));
}

/** The details of a row of `readPredictions`; undefined where it has none: those of epochs that are neither the best nor the last. */
export function predictionDetails(row: Prediction): PredictionDetails | undefined {
  const { loss, top_k: topK } = row;
  if (loss === undefined || topK === undefined || loss === "") return undefined;
  const metadata = predictionMetadata(row);
  return {
    loss: Number(loss),
    topK: splitLabels(topK).map((one) => {
      const at = one.lastIndexOf("=");
      return [one.slice(0, at), Number(one.slice(at + 1))] as const;
    }),
    ...(metadata !== undefined && { metadata }),
  };
}

/** What is known of the sample of a row; undefined where nothing is. */
export function predictionMetadata(row: Prediction): Readonly<Record<string, string>> | undefined {
  const metadata = Object.entries(row).flatMap(([name, value]) =>
    name.startsWith(metadataPrefix) && typeof value === "string" && value !== ""
      ? [[name.slice(metadataPrefix.length), value] as const]
      : [],
  );
  return metadata.length === 0 ? undefined : Object.fromEntries(metadata);
}

/** Removes the details of a table of predictions, which take as much room as all else. */
export function dropPredictionDetails(path: string): void {
  rmSync(predictionDetailsPath(path), { force: true });
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

/**
 * The rows of a table of predictions, with their details where there are some.
 * @throws CtError for a file that is not such a table, naming the line
 */
export function readPredictions(path: string): { readonly row: Prediction; readonly where: string }[] {
  const rows = table(path);
  const details = existsSync(predictionDetailsPath(path)) ? table(predictionDetailsPath(path)) : [];
  return rows.map(({ values, where }, i) => {
    const more = details[i]?.values;
    const { data: row } = predictionSchema.safeParse(
      more?.["sample"] === values["sample"] ? { ...more, ...values } : values,
    );
    if (row !== undefined) return { row, where };
    throw new CtError({
      code: "runs/predictions",
      what: `expected the columns ${columns.slice(0, 3).join(", ")}, received ${Object.keys(values).join(", ")}`,
      where,
      fix: "give a table of predictions that `classifier train` wrote",
    });
  });
}

function table(path: string) {
  return parseCsv(readRegularFile(path, maxBytes).toString("utf8"), path);
}
