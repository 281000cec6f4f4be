import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { CtError } from "@classifier-training/base";
import {
  epochFolder,
  evaluationPaths,
  evaluationsOf,
  type LabelCounts,
  labelCounts,
  type Prediction,
  predictionDetails,
  readPredictions,
} from "@classifier-training/runs";
import type { NamedPrediction } from "./summary.ts";

/** What a run said of each sample of a split, as `predictions.csv` keeps it. */
export interface StoredPredictions {
  /** The run as it was named, with the epoch that is meant. */
  readonly name: string;
  /** By sample: whether the prediction was right. */
  readonly correct: ReadonlyMap<string, boolean>;
  /** Of a multilabel run. */
  readonly counts: ReadonlyMap<string, LabelCounts> | undefined;
  readonly rows: readonly NamedPrediction[];
}

/**
 * The predictions of a run's best epoch (the one with the most right), of an evaluation's folder, or of a file.
 * @throws CtError when there are none
 */
export function readStoredPredictions(path: string): StoredPredictions {
  if (existsSync(path) && statSync(path).isFile()) return { name: path, ...readStored(path) };
  const stored = predictionFolders(path)
    .map((folder) => ({ folder, file: join(folder, evaluationPaths.predictions) }))
    .filter(({ file }) => existsSync(file))
    .map(({ folder, file }) => ({ name: folder, ...readStored(file) }));
  const [first, ...others] = stored;
  if (first === undefined) {
    throw new CtError({
      code: "compare/predictions",
      what: "there are no stored predictions",
      where: path,
      fix: `give a run directory of a training with callbacks.report, or a ${evaluationPaths.predictions}`,
    });
  }
  return others.reduce((best, one) => (goodness(one) > goodness(best) ? one : best), first);
}

/** What a run, or one that it resumed, stored of an epoch (from 0); undefined where it stored nothing. */
export function readEpochPredictions(run: string, epoch: number): NamedPrediction[] | undefined {
  const folder = evaluationsOf(run).find((one) => one.epoch === epoch)?.folder;
  const file = folder === undefined ? undefined : join(folder, evaluationPaths.predictions);
  return file === undefined || !existsSync(file) ? undefined : namedRows(file);
}

/** The rows of a table of predictions. */
export function namedRows(file: string): NamedPrediction[] {
  return readPredictions(file).map(({ row }) => namedRow(row));
}

function namedRow(row: Prediction): NamedPrediction {
  return {
    ...row,
    confidence: Number(row.confidence),
    counts: labelCounts(row),
    details: predictionDetails(row),
  };
}

/** The folders that may hold predictions: that of an evaluation itself, or those of a run. */
function predictionFolders(path: string): string[] {
  return [...new Set([path, ...evaluationsOf(path).map(({ folder }) => folder)])];
}

/** Right samples; of a multilabel run micro F1. */
function goodness({ correct, counts }: StoredPredictions): number {
  return counts === undefined ? [...correct.values()].filter(Boolean).length : microF1([...counts.values()]);
}

/** F1 over all labels of all samples. */
export function microF1(counts: readonly LabelCounts[]): number {
  const [right, wrong] = counts.reduce(([a, b], { tp, fp, fn }) => [a + 2 * tp, b + fp + fn], [0, 0]);
  return right + wrong === 0 ? 0 : right / (right + wrong);
}

function readStored(file: string): Omit<StoredPredictions, "name"> {
  const counts = new Map<string, LabelCounts>();
  const stored = readPredictions(file);
  const correct = new Map(
    stored.map(({ row, where }) => {
      const { sample, true: label, predicted, confidence } = row;
      const own = labelCounts(row);
      if (own !== undefined) counts.set(sample, own);
      if (confidence !== "NaN") return [sample, own === undefined ? label === predicted : own.fp + own.fn === 0];
      throw new CtError({
        code: "compare/not-finite",
        what: "the prediction has no confidence: the model's outputs were not finite, it had diverged",
        where,
        fix: `compare another epoch of this run, such as RUN/${epochFolder(0)}`,
      });
    }),
  );
  return { correct, counts: counts.size === 0 ? undefined : counts, rows: stored.map(({ row }) => namedRow(row)) };
}

/** How many labels two runs have wrong of each sample that both have. @throws CtError when they share none */
export function pairedSamples(
  first: StoredPredictions,
  second: StoredPredictions,
): { readonly samples: string[]; readonly first: number[]; readonly second: number[] } {
  const shared = [...first.correct.keys()].filter((sample) => second.correct.has(sample));
  if (shared.length === 0) {
    throw new CtError({
      code: "compare/samples",
      what: `${first.name} and ${second.name} have no sample in common`,
      fix: "compare runs on the same data, started in the same folder",
    });
  }
  const wrong = ({ correct, counts }: StoredPredictions, sample: string) => {
    const own = counts?.get(sample);
    return own === undefined ? Number(correct.get(sample) !== true) : own.fp + own.fn;
  };
  const pick = (run: StoredPredictions) => shared.map((sample) => wrong(run, sample));
  return { samples: shared, first: pick(first), second: pick(second) };
}
