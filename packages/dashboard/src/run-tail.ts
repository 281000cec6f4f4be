import { MetricsReader, type Run, readRun } from "@classifier-training/runs";
import type { MetricsMessage, Series } from "./api.ts";
import { downsampled, seriesOf } from "./series.ts";

/** Follows a run: its curves first, then what is added to them. */
export class RunTail {
  readonly #dir: string;
  readonly #reader: MetricsReader;
  #status: Run["status"];
  #rowsSeen = 0;
  #isFirst = true;

  constructor(run: Run, metricsPath: string) {
    this.#dir = run.dir;
    this.#status = run.status;
    this.#reader = new MetricsReader(metricsPath);
  }

  /** What is new; `undefined` when nothing is. */
  poll(): MetricsMessage | undefined {
    const { rows, reset } = this.#reader.poll();
    const status = readRun(this.#dir)?.status ?? this.#status;
    const startsAgain = this.#isFirst || reset;
    if (!startsAgain && rows.length === 0 && status === this.#status) return undefined;
    if (startsAgain) this.#rowsSeen = 0;
    const series = Object.entries(seriesOf(rows, this.#rowsSeen)).map(([name, curve]): [string, Series] => [
      name,
      downsampled(curve),
    ]);
    this.#rowsSeen += rows.length;
    this.#status = status;
    this.#isFirst = false;
    return { reset: startsAgain, series: Object.fromEntries(series), status };
  }
}
