import { CtError, comparePython, csvText, plural, shortened, writeFileAtomic } from "@classifier-training/base";
import { type LabelSuspect, labelSuspects } from "@classifier-training/runs";
import { renderTable } from "../drawing/table.ts";
import { outOfFoldProbabilities } from "./out-of-fold.ts";

/** An image whose label may be wrong, by names. */
export interface NamedSuspect extends Pick<LabelSuspect, "selfConfidence" | "isConfident"> {
  readonly sample: string;
  readonly label: string;
  readonly suggested: string;
}

/** An image with its label and what a network knows of it. */
export interface KnownImage {
  readonly path: string;
  readonly label: string;
  readonly features: Float32Array;
}

/**
 * Images whose label may be wrong, the most probable first: by cross-validation of a logistic regression on features.
 * @throws CtError for images of fewer than two classes
 */
export function findLabelSuspects(images: readonly KnownImage[]): NamedSuspect[] {
  const { names, labels } = indexedLabels(images);
  const probabilities = outOfFoldProbabilities({
    features: images.map(({ features }) => features),
    labels,
    numClasses: names.length,
  });
  const predictions = labels.map((label, i) => ({ label, probabilities: new Map(probabilities[i]?.entries()) }));
  return labelSuspects(predictions).map(({ index, label, suggested, selfConfidence, isConfident }) => ({
    sample: images[index]?.path ?? String(index),
    label: names[label] as string,
    suggested: names[suggested] as string,
    selfConfidence,
    isConfident,
  }));
}

/**
 * Class names, and the index of each image's class.
 * @throws CtError for images of fewer than two classes
 */
export function indexedLabels(images: readonly Pick<KnownImage, "label">[]): {
  readonly names: string[];
  readonly labels: number[];
} {
  const names = [...new Set(images.map(({ label }) => label))].sort(comparePython);
  if (names.length < 2) {
    throw new CtError({
      code: "suspects/classes",
      what: `expected images of at least two classes, received ${plural(images.length, "image")} of ${plural(names.length, "class", "classes")}`,
      fix: "give a split of labeled images",
    });
  }
  const indices = new Map(names.map((name, i) => [name, i]));
  return { names, labels: images.map(({ label }) => indices.get(label) as number) };
}

export function writeLabelSuspects(path: string, suspects: readonly NamedSuspect[]): void {
  const rows = suspects.map(({ sample, label, suggested, selfConfidence, isConfident }) => [
    sample,
    label,
    suggested,
    selfConfidence.toFixed(6),
    Number(isConfident),
  ]);
  writeFileAtomic(path, csvText(["sample", "label", "suggested", "label_probability", "confident"], rows));
}

/** @param limit how many are listed */
export function describeSuspects(suspects: readonly NamedSuspect[], images: number, limit: number): string {
  const confident = suspects.filter(({ isConfident }) => isConfident).length;
  const head = `${plural(images, "image")}: ${confident} probably with a wrong label, ${suspects.length - confident} more for which the model prefers another class`;
  if (suspects.length === 0 || limit === 0) return head;
  const shown = suspects.slice(0, limit);
  const title =
    shown.length < suspects.length ? `The ${shown.length} most probable label errors` : "Probable label errors";
  return `${head}\n\n${renderTable(
    title,
    ["image", "label", "suggested", "P(label)"],
    shown.map(({ sample, label, suggested, selfConfidence }) => [
      // The table fits into 80 columns.
      shortened(sample, 34),
      shortened(label, 12),
      shortened(suggested, 12),
      selfConfidence.toFixed(3),
    ]),
  )}`;
}
