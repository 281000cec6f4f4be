import type { Metric, MetricMark } from "../metrics/metric.ts";
import type { LoggerConnector } from "./logger-connector.ts";
import type { Progress } from "./progress.ts";
import { captureRng, disposeRng } from "./rng.ts";

interface Run {
  readonly log: LoggerConnector;
  readonly progress: Progress;
}

/**
 * Where everything that adds up stood before a batch or a validation. What is interrupted in the middle of one begins it
 * anew when it is resumed: nothing of it may be counted twice.
 */
export class StageMark {
  readonly #run: Run;
  readonly #metrics: readonly (readonly [name: string, mark: MetricMark])[];
  readonly #results: () => void;
  readonly #progress;
  readonly rng = captureRng();
  readonly loggers: readonly (Record<string, unknown> | null)[];

  /** @param metrics the metric objects of the module */
  constructor(run: Run, metrics: ReadonlyMap<string, Metric<unknown>>) {
    this.#run = run;
    this.#metrics = [...metrics].map(([name, metric]) => [name, metric.mark()]);
    this.#results = run.log.mark();
    const { phase, batchesReady, totalBatches, isLastBatch, evaluationSteps } = run.progress;
    this.#progress = { phase, batchesReady, totalBatches, isLastBatch, evaluationSteps: [...evaluationSteps] };
    this.loggers = run.log.loggers.map((logger) => logger.stateDict?.() ?? null);
  }

  get evaluationSteps(): readonly number[] {
    return this.#progress.evaluationSteps;
  }

  metricStates(): Record<string, Record<string, unknown>> {
    return Object.fromEntries(this.#metrics.map(([name, mark]) => [name, mark.stateDict()]));
  }

  /** The stage has come to its end: the mark is not used again. */
  dispose(): void {
    disposeRng(this.rng);
  }

  /** Puts values, metrics and counters back. The generators are not: a checkpoint takes their state from here. */
  rollback(): void {
    for (const [, mark] of this.#metrics) mark.rollback();
    this.#results();
    const { evaluationSteps, ...counters } = this.#progress;
    Object.assign(this.#run.progress, { ...counters, evaluationSteps: [...evaluationSteps] });
  }
}
