import { csvText, plural, shortened, writeFileAtomic } from "@classifier-training/base";
import { type DataAnalysis, labelSuspects, percent, weakAgreement } from "@classifier-training/runs";
import { renderTable } from "../drawing/table.ts";
import { type HeldOutImages, indexedLabels, pooledProbabilities } from "./held-out.ts";

/** An image whose label may be wrong. */
export type NamedSuspect = DataAnalysis<"suspects">["suspects"][number];

export interface Suspects {
  readonly suspects: readonly NamedSuspect[];
  /** Fraction of the images for which the networks prefer the label. */
  readonly agreement: number;
}

/**
 * Images whose label may be wrong, the most probable first: by confident learning on what networks say that were not trained
 * on them.
 * @throws CtError for images of fewer than two classes
 */
export function findLabelSuspects(data: HeldOutImages): Suspects {
  const { names, labels } = indexedLabels(data);
  const rows = pooledProbabilities(data);
  const predictions = labels.map((label, i) => ({ label, probabilities: new Map(rows[i]?.entries()) }));
  const agreeing = rows.filter((row, i) => row.indexOf(Math.max(...row)) === labels[i]).length;
  const suspects = labelSuspects(predictions).map(({ index, label, suggested, selfConfidence, isConfident }) => ({
    sample: data.images[index]?.sample ?? String(index),
    label: names[label] as string,
    suggested: names[suggested] as string,
    labelProbability: asProbability(selfConfidence),
    suggestedProbability: asProbability(rows[index]?.[suggested] ?? 0),
    isConfident,
  }));
  return { suspects, agreement: agreeing / rows.length };
}

/** Sums of float32 are a little off. */
function asProbability(value: number): number {
  return Math.min(1, Number(value.toFixed(6)));
}

export function writeLabelSuspects(path: string, suspects: readonly NamedSuspect[]): void {
  const rows = suspects.map(({ sample, label, suggested, labelProbability, isConfident }) => [
    sample,
    label,
    suggested,
    labelProbability.toFixed(6),
    Number(isConfident),
  ]);
  writeFileAtomic(path, csvText(["sample", "label", "suggested", "label_probability", "confident"], rows));
}

/** @param limit how many are listed */
export function describeSuspects({ suspects, agreement }: Suspects, images: number, limit: number): string {
  const confident = suspects.filter(({ isConfident }) => isConfident).length;
  const found = `${plural(images, "image")}: ${confident} probably with a wrong label, ${suspects.length - confident} more for which the model prefers another class`;
  // Confident learning counts what weak networks cannot tell as label errors.
  const caution = `${plural(images, "image")}: the networks prefer the label of ${percent(agreement)} only, too few to say how many labels are wrong.\nThe first suspects are worth a look; a longer --time, or published weights, judge better.`;
  const head = agreement < weakAgreement ? caution : found;
  if (suspects.length === 0 || limit === 0) return head;
  const shown = suspects.slice(0, limit);
  const title =
    shown.length < suspects.length ? `The ${shown.length} most probable label errors` : "Probable label errors";
  return `${head}\n\n${renderTable(
    title,
    ["image", "label", "suggested", "P(label)"],
    shown.map(({ sample, label, suggested, labelProbability }) => [
      // The table fits into 80 columns.
      shortened(sample, 34),
      shortened(label, 12),
      shortened(suggested, 12),
      labelProbability.toFixed(3),
    ]),
  )}`;
}
