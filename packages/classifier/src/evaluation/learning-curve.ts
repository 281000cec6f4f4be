import { CtError, plural, Rng } from "@classifier-training/base";
import { type ForecastError, fitLearningCurve, type LearningCurve, percent } from "@classifier-training/runs";
import { renderTable } from "../drawing/table.ts";
import { indexedLabels, type KnownImage } from "./label-suspects.ts";
import { fittedProbabilities, stratifiedFolds } from "./out-of-fold.ts";

/** How the error of a model falls with the number of images. */
export interface MeasuredCurve {
  readonly curve: LearningCurve;
  /** By size of the training data: the mean error of the repetitions. */
  readonly measured: readonly { readonly n: number; readonly error: number }[];
  /** Images that there are. */
  readonly images: number;
}

const fractions = [0.1, 0.2, 0.35, 0.6, 1];
const folds = 5;

/** Fewer images have no curve. */
const fewest = 20;

/**
 * Fits a logistic regression on features to parts of the images, measures each on a fifth that it has not seen, and lays a
 * power law through the errors.
 * @throws CtError for fewer than 20 images, or those of one class
 */
export function measureLearningCurve(images: readonly KnownImage[]): MeasuredCurve {
  const { names, labels } = indexedLabels(images);
  const data = { features: images.map(({ features }) => features), labels, numClasses: names.length };
  const fold = stratifiedFolds(labels, folds);
  const points = Array.from({ length: folds }, (_, k) => {
    const order = [...Rng.at(k, "learning_curve").permutation(labels.length)];
    const pool = order.filter((i) => fold[i] !== k);
    const held = order.filter((i) => fold[i] === k);
    return fractions.map((fraction) => {
      const n = Math.round(fraction * pool.length);
      const rows = fittedProbabilities(data, pool.slice(0, n), held);
      const wrong = rows.filter((row, j) => row.indexOf(Math.max(...row)) !== labels[held[j] as number]).length;
      // Folds differ by an image.
      return {
        n: Math.round(fraction * labels.length * (1 - 1 / folds)),
        error: wrong / held.length,
        measuredOn: held.length,
      };
    });
  }).flat();
  const curve = images.length < fewest ? undefined : fitLearningCurve(points);
  if (curve === undefined) {
    throw new CtError({
      code: "learning-curve/images",
      what: `expected at least ${fewest} images, received ${images.length}`,
      fix: "add images: parts of so few say nothing",
    });
  }
  const sizes = [...new Set(points.map(({ n }) => n))];
  const measured = sizes.map((n) => {
    const errors = points.filter((point) => point.n === n).map(({ error }) => error);
    return { n, error: errors.reduce((a, b) => a + b, 0) / errors.length };
  });
  return { curve, measured, images: images.length };
}

export function describeLearningCurve({ curve, measured, images }: MeasuredCurve): string {
  const written = ({ value, low, high }: ForecastError) => `${percent(value)} (${percent(low)} to ${percent(high)})`;
  const future = [
    ["all", images],
    ["100 more", images + 100],
    ["twice as many", 2 * images],
    ["ten times as many", 10 * images],
  ] as const;
  const rows = [
    ...measured.map(({ n, error }) => ["a part", n, percent(error), written(curve.at(n))]),
    ...future.map(([name, n]) => [name, n, "", written(curve.at(n))]),
  ];
  return [
    `${plural(images, "image")}: errors of a linear model on the network's features, by the number of training images`,
    "",
    renderTable("Learning curve", ["images", "number", "measured", "expected (95% interval)"], rows),
  ].join("\n");
}
