import { percent } from "@classifier-training/runs/analysis";
import type { RunDetail } from "../../../../src/api-types.ts";
import type { EvaluationInfo, ShownInterval } from "../../../../src/evaluation-types.ts";

/** What a part of an evaluation is given. */
export interface PartProps {
  readonly detail: RunDetail;
  readonly evaluation: EvaluationInfo;
  readonly evaluations: readonly EvaluationInfo[];
}

/** What an evaluation is called: `epoch 4`, `test`. */
export function titleOf({ id, epoch, isBest }: EvaluationInfo): string {
  if (epoch === undefined) return id === "best" ? "best weights" : id;
  return `epoch ${epoch + 1}${isBest ? " (best)" : ""}`;
}

/** What is shown without a choice: what the run's best weights said, as far as it is known; the newest of a run that trains. */
export function defaultEvaluation(all: readonly EvaluationInfo[], isRunning: boolean): EvaluationInfo | undefined {
  const newest = all.findLast(({ epoch }) => epoch !== undefined) ?? all.at(-1);
  if (isRunning) return newest;
  return all.find(({ id }) => id === "best") ?? all.find(({ isBest }) => isBest) ?? newest;
}

/** A sentence of the server on what is not there. */
export function Problem({ text }: { readonly text: string }) {
  return (
    <p class="note warning" role="alert">
      {text}
    </p>
  );
}

/** `93.4%`; empty where there is none. */
export function percentText(value: number | null | undefined): string {
  return value === null || value === undefined ? "" : percent(value);
}

/** A proportion, and small beside it its interval. */
export function IntervalText({ interval }: { readonly interval: ShownInterval }) {
  const { value, low, high, successes, n } = interval;
  if (value === null) return <small>none</small>;
  const bounds = [low, high].map((bound) => (100 * bound).toFixed(0));
  return (
    <span title={`${successes} of ${n}; 95% interval ${percentText(low)} to ${percentText(high)}`}>
      {percentText(value)} <small class="interval">{`${bounds[0]}–${bounds[1]}`}</small>
    </span>
  );
}
