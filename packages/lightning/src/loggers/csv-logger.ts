import { existsSync } from "node:fs";
import { join } from "node:path";
import { expandHome, parseOptions } from "@classifier-training/base";
import { MetricsWriter, runPaths, TimelineWriter } from "@classifier-training/runs";
import { z } from "zod";
import { type FinalStatus, type PlainValue, withPrefix } from "./logger.ts";
import { prefixOption, VersionedLogger, versionedOptions } from "./versioned-logger.ts";

export const csvLoggerOptionsSchema = z.strictObject({
  ...versionedOptions,
  prefix: prefixOption,
  flushLogsEveryNSteps: z.int().positive().default(100).describe("how often rows are forced onto the disk"),
});

export type CSVLoggerOptions = z.input<typeof csvLoggerOptionsSchema>;

/**
 * Metrics in `SAVE_DIR/NAME/version_N/metrics.csv`, hyperparameters in `hparams.yaml` beside it. Each row is handed to
 * the operating system at once, so that a killed run loses none. With `name` and `version` empty the files lie in
 * `saveDir` itself, which makes it part of a run directory; when each step was reached is then noted beside it.
 */
export class CSVLogger extends VersionedLogger {
  readonly options: z.output<typeof csvLoggerOptionsSchema>;
  #writer: MetricsWriter | undefined;
  #timeline: TimelineWriter | undefined;
  #unflushed = 0;

  constructor(options: CSVLoggerOptions) {
    super();
    this.options = parseOptions("CSVLogger", csvLoggerOptionsSchema, options);
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    const { prefix, flushLogsEveryNSteps } = this.options;
    const writer = this.#open();
    // A metric named `step` wins over the step counter, as in Lightning.
    writer.append({ step, ...withPrefix(metrics, prefix) });
    this.#timeline?.note(step);
    if (++this.#unflushed < flushLogsEveryNSteps) return;
    this.#unflushed = 0;
    writer.flush();
  }

  finalize(_status: FinalStatus): void {
    this.#writer?.close();
  }

  override stateDict(): Record<string, PlainValue> {
    const rows = this.#writer?.rows ?? 0;
    return { rows, lastStep: rows === 0 ? -1 : Number(this.#writer?.lastRow["step"] ?? -1) };
  }

  /** Drops the rows that a killed run wrote after the checkpoint; another run's file is left alone. */
  override loadStateDict(state: Readonly<Record<string, PlainValue>>): void {
    const { rows, lastStep } = state;
    if (typeof rows !== "number" || !existsSync(join(this.logDir, runPaths.metrics))) return;
    const writer = this.#open();
    if (rows > writer.rows) return;
    if (rows === 0 || writer.rowAt(rows - 1)?.["step"] === lastStep) writer.rewind(rows);
  }

  #open(): MetricsWriter {
    if (this.#writer !== undefined) return this.#writer;
    this.#writer = new MetricsWriter(join(this.logDir, runPaths.metrics));
    if (this.logDir === expandHome(this.saveDir))
      this.#timeline = new TimelineWriter(join(this.logDir, runPaths.timeline));
    return this.#writer;
  }
}
