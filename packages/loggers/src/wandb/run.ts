import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { SystemSampler } from "@classifier-training/lightning";
import type { ArtifactRecordSchema } from "../proto/wandb.generated.ts";
import { toYaml } from "../yaml.ts";
import { captureConsole, type StreamName } from "./console-capture.ts";
import { gitState, installedPackages, type Metadata, runMetadata } from "./environment.ts";
import type { MediaValue } from "./media.ts";
import {
  emptyTree,
  encodeRecord,
  filePolicy,
  fileType,
  items,
  type RecordContent,
  timestamp,
  wandbJson,
} from "./records.ts";
import { dateStamp, link, makeRunDir } from "./run-dir.ts";
import { clientVersion, startRecords, type WandbRunOptions } from "./run-start.ts";
import { TransactionLogWriter } from "./transaction-log.ts";
import { noteWriter } from "./writer-lock.ts";

// Often enough that a killed run's summary is fresh, seldom enough to cost nothing.
const summaryIntervalMs = 5000;

/**
 * One W&B run as it lies on disk: the transaction log and the files beside it, as the official client writes them.
 * Everything a run is goes through here first, whether or not a server is listening.
 */
export class WandbRun {
  readonly options: WandbRunOptions;
  readonly dir: string;
  readonly filesDir: string;
  readonly logPath: string;
  readonly startedAt = Date.now();
  readonly #log: TransactionLogWriter;
  readonly #releaseWriter: () => void;
  readonly #metadata: Metadata;
  readonly #config = emptyTree();
  readonly #summary = emptyTree();
  readonly #definedMetrics = new Set<string>();
  readonly #stops: (() => void)[] = [];
  #recordNumber = 0;
  #step = 0;
  #summaryWrittenAt = 0;
  #isFinished = false;

  constructor(options: WandbRunOptions) {
    this.options = options;
    const prefix = options.mode === "offline" ? "offline-run" : "run";
    this.dir = makeRunDir(options.wandbDir, `${prefix}-${dateStamp(new Date(this.startedAt))}`, options.id);
    this.filesDir = join(this.dir, "files");
    this.logPath = join(this.dir, `run-${options.id}.wandb`);
    for (const folder of [this.filesDir, join(this.dir, "logs"), join(this.dir, "tmp", "code")]) {
      mkdirSync(folder, { recursive: true });
    }
    link(join(options.wandbDir, "latest-run"), basename(this.dir));
    for (const name of ["debug.log", "debug-internal.log"]) {
      writeFileSync(join(this.dir, "logs", name), "");
      link(join(options.wandbDir, name), join(basename(this.dir), "logs", name));
    }
    this.#log = new TransactionLogWriter(this.logPath);
    this.#releaseWriter = noteWriter(this.dir);
    const git = options.captureGit ? gitState() : undefined;
    this.#metadata = runMetadata(this.startedAt, git);
    this.#begin(options.captureDiff ? (git?.diff() ?? "") : "");
    this.debug(`run ${options.id}, ${options.mode}, in ${this.dir}`);
    if (options.captureConsole) this.#stops.push(captureConsole((stream, lines) => this.#console(stream, lines)));
    if (options.systemMetricsIntervalMs > 0) this.#stops.push(this.#sampleSystem(options.systemMetricsIntervalMs));
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  /** The step that the next row gets. */
  get step(): number {
    return this.#step;
  }

  /** Adds a row to the history, and its values to the summary. */
  logRow(row: Readonly<Record<string, unknown>>): void {
    if (this.#isFinished) return;
    const now = Date.now();
    const step = this.#step++;
    for (const key in row) if (!this.#definedMetrics.has(key)) this.#defineByGlob(key);
    const whole = { ...row, _step: step, _runtime: (now - this.startedAt) / 1000, _timestamp: now / 1000 };
    this.#write({ case: "history", value: { item: items(whole), step: { num: BigInt(step) } } });
    Object.assign(this.#summary, whole);
    if (now - this.#summaryWrittenAt >= summaryIntervalMs) this.writeSummary();
  }

  /** Adds a row whose values stand for files: the files are announced first. */
  logMedia(media: MediaValue, key: string, row: Readonly<Record<string, unknown>>): void {
    this.announceFiles(media.paths, "now", "media");
    this.logRow({ [key]: media.value, ...row });
  }

  updateConfig(values: Readonly<Record<string, unknown>>): void {
    if (this.#isFinished) return;
    Object.assign(this.#config, values);
    this.#write({ case: "config", value: { update: items(values) } });
    this.#writeConfigFile();
  }

  /** Says that files (relative to `filesDir`, there already) belong to the run. */
  announceFiles(
    paths: readonly string[],
    policy: keyof typeof filePolicy,
    type: keyof typeof fileType = "other",
  ): void {
    const files = paths.map((path) => ({ path, policy: filePolicy[policy], type: fileType[type] }));
    this.#write({ case: "files", value: { files } });
  }

  logArtifact(artifact: MessageInitShape<typeof ArtifactRecordSchema>): void {
    const { id, entity, project } = this.options;
    this.#write({ case: "artifact", value: { runId: id, entity, project, ...artifact } });
  }

  /** A line of the client's own log. */
  debug(message: string): void {
    appendFileSync(join(this.dir, "logs", "debug.log"), `${new Date().toISOString()} INFO ${message}\n`);
  }

  writeSummary(): void {
    if (this.#isFinished) return;
    this.#summaryWrittenAt = Date.now();
    const runtime = this.#runtime();
    const update = [...items(this.#summary), { nestedKey: ["_wandb", "runtime"], valueJson: wandbJson(runtime) }];
    this.#write({ case: "summary", value: { update } });
    const whole = { ...this.#summary, _wandb: { runtime } };
    writeFileSync(join(this.filesDir, "wandb-summary.json"), wandbJson(whole));
  }

  /** Ends the record. Synchronous, so that it also works while the process exits. */
  finish(exitCode: number): void {
    if (this.#isFinished) return;
    for (const stop of this.#stops.splice(0)) stop();
    this.#summary["_runtime"] ??= (Date.now() - this.startedAt) / 1000;
    this.writeSummary();
    this.#writeConfigFile();
    this.#write({ case: "exit", value: { exitCode, runtime: this.#runtime() } });
    this.#write({ case: "final", value: {} });
    this.#write({ case: "footer", value: {} });
    this.#isFinished = true;
    this.#log.close();
    this.#releaseWriter();
    this.debug(`finished with exit code ${exitCode}`);
  }

  #begin(diff: string): void {
    for (const record of startRecords(this.options, this.#metadata, this.startedAt)) this.#write(record);
    Object.assign(this.#config, this.options.config);
    this.#writeStartFiles(diff);
    // Lightning's x axis: every metric is plotted over the trainer's step.
    this.#definedMetrics.add(stepMetric);
    this.#write({ case: "metric", value: { name: stepMetric, options: { defined: true } } });
    this.#write({ case: "metric", value: { globName: "*", stepMetric, options: { stepSync: true, defined: true } } });
  }

  #writeStartFiles(diff: string): void {
    const now: string[] = [];
    const put = (name: string, text: string) => {
      writeFileSync(join(this.filesDir, name), text);
      now.push(name);
    };
    put("wandb-metadata.json", `${JSON.stringify(this.#metadata, null, 2)}\n`);
    put("requirements.txt", installedPackages());
    if (diff !== "") put("diff.patch", diff);
    this.announceFiles(now, "now", "wandb");
    writeFileSync(join(this.filesDir, "output.log"), "");
    writeFileSync(join(this.filesDir, "wandb-summary.json"), "{}");
    this.#writeConfigFile();
    this.announceFiles(["config.yaml", "wandb-summary.json", "output.log"], "end", "wandb");
  }

  #writeConfigFile(): void {
    const entries = Object.entries(this.#config).map(([key, value]) => [key, { value }] as const);
    const internal = {
      value: {
        cli_version: clientVersion,
        python_version: process.version,
        t: { 4: process.version, 5: clientVersion, 12: clientVersion },
      },
    };
    writeFileSync(join(this.filesDir, "config.yaml"), toYaml({ _wandb: internal, ...Object.fromEntries(entries) }));
  }

  #defineByGlob(key: string): void {
    this.#definedMetrics.add(key);
    if (key.startsWith("_")) return;
    const value = { name: key, stepMetric, options: { stepSync: true }, expandedFromGlob: true };
    this.#write({ case: "metric", value });
  }

  #console(stream: StreamName, lines: readonly string[]): void {
    try {
      const text = `${lines.join("\n")}\n`;
      const now = timestamp(Date.now());
      this.#write({
        case: "outputRaw",
        value: { outputType: stream === "stderr" ? 0 : 1, timestamp: now, line: text },
      });
      appendFileSync(join(this.filesDir, "output.log"), text);
    } catch {
      // A full disk must not turn every line that the program prints into an error.
    }
  }

  #sampleSystem(intervalMs: number): () => void {
    const monitor = new SystemSampler();
    let isBusy = false;
    const sample = async () => {
      if (isBusy) return;
      isBusy = true;
      try {
        const values = await monitor.sampleWithGpus();
        const item = Object.entries(values).map(([key, value]) => ({ key, valueJson: wandbJson(value) }));
        this.#write({ case: "stats", value: { statsType: 0, timestamp: timestamp(Date.now()), item } });
      } catch {
        // Numbers about the machine are not worth an error.
      } finally {
        isBusy = false;
      }
    };
    const timer = setInterval(() => void sample(), intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  }

  #write(content: RecordContent): void {
    if (this.#isFinished) return;
    this.#log.write(encodeRecord(++this.#recordNumber, content));
  }

  #runtime(): number {
    return Math.round((Date.now() - this.startedAt) / 1000);
  }
}

export const stepMetric = "trainer/global_step";
