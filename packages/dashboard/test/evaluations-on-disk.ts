import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  countConfusions,
  evaluationPaths,
  type PredictionRow,
  writeConfusionCounts,
  writePredictions,
} from "@classifier-training/runs";

export interface EvaluationOnDisk {
  readonly classes: readonly string[];
  readonly samples: number;
  /** The fraction that is right. */
  readonly level?: number;
  /** Loss, top-k and metadata of each sample. */
  readonly hasDetails?: boolean;
  /** Samples without a confidence: every so many. */
  readonly nanEvery?: number;
  /** Another one is right about other samples. */
  readonly seed?: number;
  /** The path of a sample. */
  readonly pathOf?: (index: number, label: string) => string;
}

/** The files of an evaluation as training writes them: the same each time. */
export function writeEvaluation(folder: string, options: EvaluationOnDisk): readonly PredictionRow[] {
  const { classes, samples, level = 0.7, hasDetails = false, nanEvery = 0, seed = 0 } = options;
  const pathOf = options.pathOf ?? ((index, label) => `data/valid/${label}/${index}.png`);
  mkdirSync(folder, { recursive: true });
  // The last class is empty.
  const filled = classes.length - 1;
  const noise = (i: number, k: number) => (Math.sin(i * 12.9898 + (k + seed) * 78.233) * 43758.5453) % 1;
  const labels = Array.from({ length: samples }, (_, i) => i % filled);
  const predicted = labels.map((label, i) =>
    Math.abs(noise(i, 1)) < level ? label : (label + 1 + Math.floor(Math.abs(noise(i, 2)) * 3)) % filled,
  );
  const rows = labels.map((label, i): PredictionRow => {
    const [truth, guess] = [classes[label] as string, classes[predicted[i] as number] as string];
    const confidence = 0.4 + 0.6 * Math.abs(noise(i, 3));
    const isNan = nanEvery > 0 && i % nanEvery === 0;
    return {
      sample: pathOf(i, truth),
      true: truth,
      predicted: guess,
      confidence: isNan ? Number.NaN : confidence,
      ...(hasDetails && {
        details: {
          loss: -Math.log(confidence),
          topK: [
            [guess, confidence],
            [guess === truth ? (classes[(label + 1) % filled] as string) : truth, 1 - confidence],
          ],
          metadata: { camera: label === 0 ? "night" : "day" },
        },
      }),
    };
  });
  writePredictions(join(folder, evaluationPaths.predictions), rows);
  writeConfusionCounts(join(folder, evaluationPaths.confusionCounts), countConfusions(labels, predicted), classes);
  return rows;
}
