import { describeInterval, wilsonInterval } from "../statistics/interval.ts";
import { mcnemarTest } from "../statistics/mcnemar.ts";
import { describeComparison } from "./report.ts";
import { pairedSamples, readStoredPredictions } from "./stored-predictions.ts";

/**
 * Compares runs by the predictions that they stored, without running a model: accuracies, and each run against the best.
 * @returns lines of text
 * @throws CtError when a run has no stored predictions
 */
export function compareStored(paths: readonly string[]): string[] {
  const runs = paths.map(readStoredPredictions).map((run) => {
    const correct = [...run.correct.values()].filter(Boolean).length;
    return { run, top1: wilsonInterval(correct, run.correct.size) };
  });
  runs.sort((a, b) => b.top1.value - a.top1.value);
  const [best, ...others] = runs.map(({ run }) => run);
  return [
    ...runs.map(({ run, top1 }) => `${run.name}: top-1 ${describeInterval(top1)}`),
    ...others.map((other) => {
      const { first, second } = pairedSamples(best ?? other, other);
      const comparison = { first: best?.name ?? "", second: other.name, ...mcnemarTest(first, second) };
      return describeComparison(comparison, first.length);
    }),
  ];
}
