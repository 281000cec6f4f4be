import type { Prediction } from "../../../src/job-types.ts";

/** Of what was before. */
const weight = 0.6;

/** An exponential mean of predictions; a class that is not among the most probable ones counts as 0. */
export function smoothed(before: Prediction["classes"], now: Prediction["classes"]): Prediction["classes"] {
  if (before.length === 0) return now;
  const mean = new Map(before.map(({ label, probability }) => [label, weight * probability]));
  for (const { label, probability } of now) mean.set(label, (mean.get(label) ?? 0) + (1 - weight) * probability);
  return [...mean]
    .map(([label, probability]) => ({ label, probability }))
    .filter(({ probability }) => probability > 1e-4)
    .sort((a, b) => b.probability - a.probability);
}
