import { existsSync } from "node:fs";
import { join } from "node:path";
import { CtError } from "@classifier-training/base";
import { evaluationPaths, splitLabels } from "@classifier-training/runs";
import { fromTypedArray, serialization } from "@classifier-training/torch";
import { z } from "zod";
import { MultilabelPredictions } from "../statistics/multilabel-predictions.ts";
import { predictionsOfRows } from "../statistics/predictions.ts";
import type { NamedPrediction } from "./summary.ts";

/** Multilabel predictions as they were stored, and the classes of their columns. */
export interface StoredLabels {
  readonly classNames: readonly string[];
  readonly predictions: MultilabelPredictions;
}

/** Stores the logits beside the table of the predictions: a table of labels alone has no average precision. */
export function writeLabelLogits(
  folder: string,
  { logits, numClasses, thresholds }: MultilabelPredictions,
  classNames: readonly string[],
): void {
  const values = new Float32Array(logits.length * numClasses);
  for (const [i, row] of logits.entries()) values.set(row, i * numClasses);
  const tensors = new Map([["logits", fromTypedArray(values, [logits.length, numClasses])]]);
  const metadata = { classes: JSON.stringify(classNames), thresholds: JSON.stringify(thresholds) };
  serialization.saveSafetensors(join(folder, evaluationPaths.labelLogits), tensors, metadata);
}

const metadataSchema = z.object({ classes: z.array(z.string()), thresholds: z.array(z.number()) });

/**
 * The predictions of a stored table with their logits; undefined where none are stored.
 * @throws CtError for logits that are not those of the table
 */
export function readLabelLogits(folder: string, rows: readonly NamedPrediction[]): StoredLabels | undefined {
  const path = join(folder, evaluationPaths.labelLogits);
  if (!existsSync(path)) return undefined;
  const { tensors, metadata } = serialization.loadSafetensors(path);
  const logits = tensors.get("logits");
  const { data } = metadataSchema.safeParse({
    classes: parsed(metadata["classes"]),
    thresholds: parsed(metadata["thresholds"]),
  });
  const [count, numClasses] = logits?.shape ?? [];
  if (logits === undefined || data === undefined || count !== rows.length || numClasses !== data.classes.length) {
    throw new CtError({
      code: "evaluate/logits",
      what: `expected logits [${rows.length}, K] and the names of K classes, received [${logits?.shape ?? ""}] and ${data?.classes.length ?? "none"}`,
      where: path,
      fix: `remove the file: what ${evaluationPaths.predictions} says of labels is reported without it`,
    });
  }
  const columns = new Map(data.classes.map((name, k) => [name, k]));
  const targets = new Uint8Array(count * numClasses);
  for (const [i, row] of rows.entries())
    for (const k of splitLabels(row.true).map((name) => columns.get(name) ?? Number.NaN))
      targets[i * numClasses + k] = 1;
  const batch = predictionsOfRows(logits.toTypedArray() as Float32Array, targets, [...rows.keys()], numClasses);
  return { classNames: data.classes, predictions: new MultilabelPredictions([batch], data.thresholds) };
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
