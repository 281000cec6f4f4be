import { CtError } from "@classifier-training/base";
import type { Classifier, ImageInput } from "@classifier-training/inference";
import { type DecisionRule, decisionOf } from "@classifier-training/runs";
import type { ClassificationBatch, DataLoader, SampleMetadata } from "@classifier-training/vision";
import { splitPredictions } from "../statistics/multilabel-predictions.ts";
import { type BatchPredictions, predictionsOfRows, type SplitPredictions } from "../statistics/predictions.ts";

/** An image file with its true class. */
export interface LabeledFile {
  readonly path: string;
  /** Several are joined by commas. */
  readonly label: string;
  /** The classes of a multilabel image. */
  readonly labels?: readonly string[];
  /** Its bytes, where it is not a file of its own. */
  readonly read?: (() => Promise<Uint8Array>) | undefined;
  /** What the data says of it beside its label. */
  readonly metadata?: SampleMetadata | undefined;
}

/** A labeled image as a classifier takes it. */
export async function imageInput({ path, read }: Pick<LabeledFile, "path" | "read">): Promise<ImageInput> {
  return read === undefined ? path : read();
}

/**
 * Runs a model over the batches of a loader, which is closed afterwards.
 * @param limit how many batches at most
 * @param decision of the model; of a multilabel one by default the thresholds that are best for these very predictions
 */
export async function predictSplit(
  loader: Pick<DataLoader, "batches" | "close">,
  predict: (batch: ClassificationBatch) => BatchPredictions | Promise<BatchPredictions>,
  limit = Number.POSITIVE_INFINITY,
  decision?: DecisionRule,
): Promise<SplitPredictions> {
  const batches: BatchPredictions[] = [];
  try {
    for await (const batch of loader.batches({ epoch: 0 })) {
      batches.push(await predict(batch));
      batch[Symbol.dispose]();
      if (batches.length >= limit) break;
    }
  } finally {
    await loader.close();
  }
  return splitPredictions(batches, decision);
}

/** Images per forward pass. */
const batchSize = 32;

/**
 * Runs a classifier over labeled image files, as validation preprocesses them.
 * @throws CtError when an image has a class that the model does not know, or cannot be decoded
 */
export async function predictImages(
  classifier: Classifier,
  images: readonly LabeledFile[],
  onProgress?: (done: number, total: number) => void,
): Promise<SplitPredictions> {
  const { classNames, task, thresholds, mapping } = classifier;
  const labels = truthOf(classNames, images, task);
  const perImage = labels.length / Math.max(1, images.length);
  const batches: BatchPredictions[] = [];
  for (let start = 0; start < images.length; start += batchSize) {
    const inputs = await Promise.all(images.slice(start, start + batchSize).map(imageInput));
    const rows = await classifier.logits(inputs, batchSize);
    const logits = new Float32Array(rows.length * classNames.length);
    for (const [i, row] of rows.entries()) logits.set(row, i * classNames.length);
    const indices = rows.map((_, i) => start + i);
    batches.push(
      predictionsOfRows(
        logits,
        labels.slice(start * perImage, (start + rows.length) * perImage),
        indices,
        classNames.length,
      ),
    );
    onProgress?.(start + rows.length, images.length);
  }
  return splitPredictions(batches, { ...decisionOf(mapping), ...(thresholds && { thresholds: [...thresholds] }) });
}

/** Class indices, or rows of K for a multilabel model. */
function truthOf(classNames: readonly string[], images: readonly LabeledFile[], task: Classifier["task"]) {
  if (task === "multiclass") return Int32Array.from(images, ({ label, path }) => indexOf(classNames, label, path));
  const targets = new Uint8Array(images.length * classNames.length);
  for (const [i, { label, labels = [label], path }] of images.entries())
    for (const one of labels) targets[i * classNames.length + indexOf(classNames, one, path)] = 1;
  return targets;
}

/** The largest difference between the logits of two models for the same samples. */
export function largestDifference(first: SplitPredictions, second: SplitPredictions): number {
  let largest = 0;
  for (const [i, row] of first.logits.entries())
    for (const [k, value] of row.entries())
      largest = Math.max(largest, Math.abs(value - (second.logits[i]?.[k] ?? Number.NaN)));
  return largest;
}

function indexOf(classNames: readonly string[], label: string, path: string): number {
  const index = classNames.indexOf(label);
  if (index >= 0) return index;
  throw new CtError({
    code: "evaluate/classes",
    what: `the model has no class '${label}'`,
    where: path,
    fix: `it knows ${classNames.length} classes: ${classNames.slice(0, 12).join(", ")}${classNames.length > 12 ? ", ..." : ""}`,
  });
}
