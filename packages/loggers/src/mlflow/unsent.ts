import { appendFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { CtError, readRegularFile, writeFileAtomic } from "@classifier-training/base";
import { z } from "zod";
import type { MlflowMetric } from "./store.ts";

const unsentRunSchema = z.object({
  uri: z.string(),
  runId: z.string().optional(),
  startedAt: z.number(),
  request: z.object({
    experimentName: z.string(),
    runName: z.string(),
    tags: z.record(z.string(), z.string()),
    artifactLocation: z.string().nullable(),
    runId: z.string().nullable(),
  }),
  params: z.array(z.tuple([z.string(), z.string()])),
  end: z.object({ status: z.enum(["RUNNING", "FINISHED", "FAILED", "KILLED"]), endTime: z.number() }).optional(),
});

/** What is needed to send the rest of a run later; its metrics are in a separate file. */
export type UnsentRun = z.infer<typeof unsentRunSchema>;

const metricSchema = z.object({
  key: z.string(),
  value: z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"])]),
  timestamp: z.number(),
  step: z.number(),
});

const maxBytes = 2 ** 30;

/** The metrics of one run that a server has not accepted: `mlflow-run-ID.json`, and `mlflow-unsent-ID.jsonl`, a metric a line. */
export class UnsentFiles {
  readonly #runPath: string;
  readonly metricsPath: string;

  constructor(folder: string, id: string) {
    this.#runPath = join(folder, `mlflow-run-${id}.json`);
    this.metricsPath = join(folder, `mlflow-unsent-${id}.jsonl`);
  }

  /** The files of all runs at a path: a folder, or one of the two files. */
  static at(path: string): UnsentFiles[] {
    if (!existsSync(path)) return [];
    const isFolder = statSync(path).isDirectory();
    const folder = isFolder ? path : dirname(path);
    const names = isFolder ? readdirSync(path).sort() : [basename(path)];
    const ids = names.flatMap((name) => /^mlflow-(?:run-(.+)\.json|unsent-(.+)\.jsonl)$/.exec(name)?.slice(1) ?? []);
    return [...new Set(ids.filter((id) => id !== undefined))].map((id) => new UnsentFiles(folder, id));
  }

  writeRun(run: UnsentRun): void {
    writeFileAtomic(this.#runPath, `${JSON.stringify(run, null, 2)}\n`);
  }

  append(metrics: readonly MlflowMetric[]): void {
    mkdirSync(dirname(this.metricsPath), { recursive: true });
    appendFileSync(this.metricsPath, linesOf(metrics));
  }

  /** Keeps these metrics in place of those that are there. */
  replace(metrics: readonly MlflowMetric[]): void {
    writeFileAtomic(this.metricsPath, linesOf(metrics));
  }

  /** @throws CtError for a file that is not one of these */
  read(): { run: UnsentRun; metrics: MlflowMetric[] } {
    const run = parse(unsentRunSchema, readRegularFile(this.#runPath, maxBytes).toString("utf8"), this.#runPath);
    const text = existsSync(this.metricsPath) ? readRegularFile(this.metricsPath, maxBytes).toString("utf8") : "";
    // What follows the last line break was cut off by a kill.
    const lines = text.split("\n").slice(0, -1);
    const metrics = lines.map((line) => {
      const metric = parse(metricSchema, line, this.metricsPath);
      return { ...metric, value: Number(metric.value) };
    });
    return { run, metrics };
  }

  remove(): void {
    for (const path of [this.metricsPath, this.#runPath]) rmSync(path, { force: true });
  }
}

function linesOf(metrics: readonly MlflowMetric[]): string {
  return metrics.map((metric) => `${JSON.stringify({ ...metric, value: jsonNumber(metric.value) })}\n`).join("");
}

function parse<Schema extends z.ZodType>(schema: Schema, text: string, where: string): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CtError({
      code: "mlflow/unsent",
      what: "not a file of unsent metrics: expected what an MLFlowLogger writes",
      where,
      cause,
    });
  }
}

/** Protocol buffers' JSON writes numbers that JSON lacks as text. */
export function jsonNumber(value: number): number | string {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}
