import { describeInterval, percent } from "@classifier-training/runs";
import {
  analyzeStored,
  compareStoredPair,
  describeAnalysis,
  type StoredAnalysis,
  type StoredComparison,
} from "./analyze-stored.ts";
import { describeComparison } from "./report.ts";
import { microF1, readStoredPredictions } from "./stored-predictions.ts";

export interface StoredRuns {
  /** For people. */
  readonly lines: readonly string[];
  /** The best run first. */
  readonly runs: readonly StoredAnalysis[];
  /** The best run against each other one. */
  readonly comparisons: readonly StoredComparison[];
}

/** How many of the images on which two runs differ are named. */
const namedDifferences = 5;

/**
 * Compares runs by the predictions that they stored, without running a model: accuracies, and each run against the best.
 * @throws CtError when a run has no stored predictions
 */
export function compareStored(paths: readonly string[]): StoredRuns {
  const runs = paths.map(readStoredPredictions).map((run) => {
    const analysis = analyzeStored(run);
    const { accuracy } = analysis;
    if (run.counts === undefined)
      return { run, analysis, value: accuracy.value, text: `top-1 ${describeInterval(accuracy)}` };
    const value = microF1([...run.counts.values()]);
    return { run, analysis, value, text: `F1 micro ${percent(value)}, exact match ${describeInterval(accuracy)}` };
  });
  runs.sort((a, b) => b.value - a.value);
  const [best, ...others] = runs.map(({ run }) => run);
  const comparisons = best === undefined ? [] : others.map((other) => compareStoredPair(best, other));
  return {
    lines: [
      ...runs.flatMap(({ run, analysis, text }) => [
        `${run.name}: ${text}`,
        ...describeAnalysis(analysis).map((line) => `  ${line}`),
      ]),
      ...comparisons.flatMap((comparison) => [
        describeComparison({ ...comparison, isMultilabel: best?.counts !== undefined }, comparison.n),
        ...describeDifferences(comparison),
      ]),
    ],
    runs: runs.map(({ analysis }) => analysis),
    comparisons,
  };
}

function describeDifferences({ differences }: StoredComparison): string[] {
  if (differences.length === 0) return [];
  const named = differences
    .slice(0, namedDifferences)
    .map(
      (image) =>
        `  ${image.sample}: ${image.true}, predicted as ${image.first || "none"} and ${image.second || "none"}`,
    );
  const more = differences.length - named.length;
  return [...named, ...(more === 0 ? [] : [`  ... and ${more} more (all with --json FILE)`])];
}
