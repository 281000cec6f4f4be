import { CtError } from "@classifier-training/base";
import type { Classifier } from "@classifier-training/inference";
import type { ClassificationBatch, DataLoader } from "@classifier-training/vision";
import { type BatchPredictions, predictionsOfRows, SplitPredictions } from "../statistics/predictions.ts";

/** An image file with its true class. */
export interface LabeledFile {
  readonly path: string;
  readonly label: string;
}

/**
 * Runs a model over the batches of a loader, which is closed afterwards.
 * @param limit how many batches at most
 */
export async function predictSplit(
  loader: DataLoader,
  predict: (batch: ClassificationBatch) => BatchPredictions | Promise<BatchPredictions>,
  limit = Number.POSITIVE_INFINITY,
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
  return new SplitPredictions(batches);
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
  const { classNames } = classifier;
  const labels = Int32Array.from(images, ({ label, path }) => indexOf(classNames, label, path));
  const batches: BatchPredictions[] = [];
  for (let start = 0; start < images.length; start += batchSize) {
    const paths = images.slice(start, start + batchSize).map(({ path }) => path);
    const rows = await classifier.logits(paths, batchSize);
    const logits = new Float32Array(rows.length * classNames.length);
    for (const [i, row] of rows.entries()) logits.set(row, i * classNames.length);
    const indices = rows.map((_, i) => start + i);
    batches.push(predictionsOfRows(logits, labels.slice(start, start + rows.length), indices, classNames.length));
    onProgress?.(start + rows.length, images.length);
  }
  return new SplitPredictions(batches);
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
