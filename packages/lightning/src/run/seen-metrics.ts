import { emptyViews, type MetricValues, type MetricViews } from "../metrics/logged-values.ts";
import type { Progress } from "./progress.ts";

/** Where training was when a value was logged. */
interface Place {
  readonly batches: number;
  readonly steps: number;
}

/** The latest values as callbacks, loggers and the progress bar see them, and since when they hold. */
export class SeenMetrics {
  readonly views = emptyViews();
  readonly #progress: Progress;
  /** Where training was when a value was logged, by name. */
  readonly #loggedAt = new Map<string, Place>();
  /** Where it was when the values that callbacks see were measured. */
  readonly #measuredAt = new Map<string, Place>();

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  get #place(): Place {
    return { batches: this.#progress.totalBatches, steps: this.#progress.optimizerSteps };
  }

  logged(name: string): void {
    this.#loggedAt.set(name, this.#place);
  }

  /** @param inBatch whether values are those of a step: within a batch they are of when they were logged */
  update(views: MetricViews, inBatch: boolean): void {
    Object.assign(this.views.callback, views.callback);
    for (const name of Object.keys(views.callback)) {
      const plain = name.replace(/\/dataloader_idx_\d+$/, "");
      const at = this.#loggedAt.get(plain) ?? this.#loggedAt.get(plain.replace(/_(step|epoch)$/, ""));
      this.#measuredAt.set(name, inBatch && at !== undefined ? at : this.#place);
    }
    Object.assign(this.views.logged, views.logged);
    Object.assign(this.views.progressBar, views.progressBar);
  }

  /** Whether a value that callbacks see was measured in this batch, or with the weights of this step. */
  isCurrent(name: string): boolean {
    const at = this.#measuredAt.get(name);
    const now = this.#place;
    return at !== undefined && (at.batches === now.batches || at.steps === now.steps);
  }

  /** Adds a callback's own values to those that callbacks see. */
  addCallbackMetrics(values: Readonly<MetricValues>): void {
    Object.assign(this.views.callback, values);
    this.#measured(Object.keys(values));
  }

  #measured(names: readonly string[]): void {
    for (const name of names) this.#measuredAt.set(name, this.#place);
  }

  snapshot(): MetricViews {
    const { callback, logged, progressBar } = this.views;
    return { callback: { ...callback }, logged: { ...logged }, progressBar: { ...progressBar } };
  }

  /** @param current names of values that were measured with the weights as they are */
  restore(snapshot: MetricViews, current: readonly string[] = []): void {
    for (const view of ["callback", "logged", "progressBar"] as const) {
      Object.assign(this.views[view], snapshot[view]);
    }
    this.#measured(current);
  }

  reset(): void {
    for (const values of Object.values(this.views)) for (const name of Object.keys(values)) delete values[name];
    this.#measuredAt.clear();
  }
}
