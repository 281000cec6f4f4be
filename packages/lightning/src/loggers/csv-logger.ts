import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "@classifier-training/base";
import { MetricsWriter } from "@classifier-training/runs";
import { stringify } from "yaml";
import { z } from "zod";
import { plainHyperparams } from "./hyperparams.ts";
import { type FinalStatus, type Hyperparams, Logger, type PlainValue, withPrefix } from "./logger.ts";

export const csvLoggerOptions = z.strictObject({
  saveDir: z.string().describe("where the logs go"),
  name: z.string().nullable().default("lightning_logs").describe("a folder in it; empty or null for none"),
  version: z
    .union([z.int(), z.string()])
    .nullable()
    .default(null)
    .describe("null takes the next free version_N; a text is used as it is, an empty one for no folder"),
  prefix: z.string().default("").describe("put before each metric's name, with a dash"),
  flushLogsEveryNSteps: z.int().positive().default(100).describe("how often rows are forced onto the disk"),
});

export type CSVLoggerOptions = z.input<typeof csvLoggerOptions>;

/**
 * Metrics in `SAVE_DIR/NAME/version_N/metrics.csv`, hyperparameters in `hparams.yaml` beside it. Each row is handed to
 * the operating system at once, so that a killed run loses none. With `name` and `version` empty the files lie in
 * `saveDir` itself, which makes it part of a run directory.
 */
export class CSVLogger extends Logger {
  readonly options: z.output<typeof csvLoggerOptions>;
  #version: string | number | undefined;
  #writer: MetricsWriter | undefined;
  #hyperparams: Record<string, PlainValue> = {};
  #unflushed = 0;

  constructor(options: CSVLoggerOptions) {
    super();
    this.options = csvLoggerOptions.parse(options);
  }

  get name(): string {
    return this.options.name ?? "";
  }

  get version(): string | number {
    this.#version ??= this.options.version ?? nextVersion(this.rootDir);
    return this.#version;
  }

  get saveDir(): string {
    return this.options.saveDir;
  }

  /** The folder of all versions. */
  get rootDir(): string {
    return join(this.options.saveDir, this.name);
  }

  override get logDir(): string {
    const version = this.version;
    return join(this.rootDir, typeof version === "string" ? version : `version_${version}`);
  }

  logHyperparams(params: Hyperparams): void {
    Object.assign(this.#hyperparams, plainHyperparams(params));
    mkdirSync(this.logDir, { recursive: true });
    writeFileAtomic(join(this.logDir, "hparams.yaml"), stringify(this.#hyperparams));
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    const { prefix, flushLogsEveryNSteps } = this.options;
    const writer = this.#open();
    // A metric named `step` wins over the step counter, as in Lightning.
    writer.append({ step, ...withPrefix(metrics, prefix) });
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
    if (typeof rows !== "number" || !existsSync(join(this.logDir, "metrics.csv"))) return;
    const writer = this.#open();
    if (rows > writer.rows) return;
    if (rows === 0 || writer.rowAt(rows - 1)?.["step"] === lastStep) writer.rewind(rows);
  }

  #open(): MetricsWriter {
    this.#writer ??= new MetricsWriter(join(this.logDir, "metrics.csv"));
    return this.#writer;
  }
}

/** The next free N of the folders `version_N` in `root`. */
export function nextVersion(root: string): number {
  if (!existsSync(root)) return 0;
  let next = 0;
  for (const { name } of readdirSync(root, { withFileTypes: true })) {
    const number = /^version_(\d+)$/.exec(name)?.[1];
    if (number !== undefined) next = Math.max(next, Number(number) + 1);
  }
  return next;
}
