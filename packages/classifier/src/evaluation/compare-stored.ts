import { compareErrors, describeInterval, percent, wilsonInterval } from "@classifier-training/runs";
import { describeComparison } from "./report.ts";
import { microF1, pairedSamples, readStoredPredictions } from "./stored-predictions.ts";

/**
 * Compares runs by the predictions that they stored, without running a model: accuracies, and each run against the best.
 * @returns lines of text
 * @throws CtError when a run has no stored predictions
 */
export function compareStored(paths: readonly string[]): string[] {
  const runs = paths.map(readStoredPredictions).map((run) => {
    const correct = [...run.correct.values()].filter(Boolean).length;
    const accuracy = wilsonInterval(correct, run.correct.size);
    if (run.counts === undefined) return { run, value: accuracy.value, text: `top-1 ${describeInterval(accuracy)}` };
    const value = microF1([...run.counts.values()]);
    return { run, value, text: `F1 micro ${percent(value)}, exact match ${describeInterval(accuracy)}` };
  });
  runs.sort((a, b) => b.value - a.value);
  const [best, ...others] = runs.map(({ run }) => run);
  return [
    ...runs.map(({ run, text }) => `${run.name}: ${text}`),
    ...others.map((other) => {
      const { first, second } = pairedSamples(best ?? other, other);
      const isMultilabel = other.counts !== undefined;
      const comparison = { first: best?.name ?? "", second: other.name, ...compareErrors(first, second), isMultilabel };
      return describeComparison(comparison, first.length);
    }),
  ];
}
