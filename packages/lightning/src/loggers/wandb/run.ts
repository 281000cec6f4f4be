import { randomUUID } from "node:crypto";
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { stringify } from "yaml";
import type { ArtifactRecordSchema } from "../proto/wandb.generated.ts";
import { captureConsole, type StreamName } from "./console-capture.ts";
import { gitState, installedPackages, type Metadata, runMetadata } from "./environment.ts";
import type { MediaValue } from "./media.ts";
import { encodeRecord, filePolicy, fileType, items, type RecordContent, timestamp, wandbJson } from "./records.ts";
import { SystemMonitor } from "./system-metrics.ts";
import { TransactionLogWriter } from "./transaction-log.ts";
import { clientVersion } from "./version.ts";

export interface WandbRunOptions {
  readonly wandbDir: string;
  readonly mode: "online" | "offline";
  readonly id: string;
  readonly entity: string;
  readonly project: string;
  readonly name: string;
  readonly notes: string;
  readonly tags: readonly string[];
  readonly group: string;
  readonly jobType: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** How to treat a run of this id on the server; undefined: it is a new one. */
  readonly resume: "allow" | "must" | "never" | undefined;
  readonly captureConsole: boolean;
  /** 0 turns system metrics off. */
  readonly systemMetricsIntervalMs: number;
  readonly captureGit: boolean;
}

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
  readonly #metadata: Metadata;
  readonly #config: Record<string, unknown> = {};
  readonly #summary: Record<string, unknown> = {};
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
    const git = options.captureGit ? gitState() : undefined;
    this.#metadata = runMetadata(this.startedAt, git);
    this.#begin(git?.diff ?? "");
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
    this.debug(`finished with exit code ${exitCode}`);
  }

  #begin(diff: string): void {
    const { id, entity, project, name, notes, tags, group, jobType, config, resume } = this.options;
    const { git, host } = this.#metadata;
    const gitRecord = git === undefined ? undefined : { remoteUrl: git.remote ?? "", commit: git.commit };
    this.#write({
      case: "header",
      value: { versionInfo: { producer: `${clientVersion}+classifier-training`, minConsumer: "0.70.0" } },
    });
    this.#write({
      case: "run",
      value: {
        runId: id,
        entity,
        project,
        displayName: name,
        notes,
        tags: [...tags],
        runGroup: group,
        jobType,
        host,
        config: { update: items(config) },
        startTime: timestamp(this.startedAt),
        ...(gitRecord && { git: gitRecord }),
        ...(resume && { settings: { item: [{ key: "resume", valueJson: JSON.stringify(resume) }] } }),
      },
    });
    Object.assign(this.#config, config);
    this.#write({
      case: "telemetry",
      value: {
        cliVersion: clientVersion,
        coreVersion: clientVersion,
        pythonVersion: process.version,
        platform: `${process.platform}-${process.arch}`,
      },
    });
    this.#writeEnvironment(gitRecord);
    this.#writeStartFiles(diff);
    // Lightning's x axis: every metric is drawn over the trainer's step.
    this.#definedMetrics.add(stepMetric);
    this.#write({ case: "metric", value: { name: stepMetric, options: { defined: true } } });
    this.#write({ case: "metric", value: { globName: "*", stepMetric, options: { stepSync: true, defined: true } } });
  }

  #writeEnvironment(git: { readonly remoteUrl: string; readonly commit: string } | undefined): void {
    const { os, python, args, program, codePath, root, host, username, executable, disk, memory } = this.#metadata;
    const disks = Object.entries(disk).map(
      ([path, { total, used }]) => [path, { total: BigInt(total), used: BigInt(used) }] as const,
    );
    this.#write({
      case: "environment",
      value: {
        os,
        python,
        startedAt: timestamp(this.startedAt),
        args: [...args],
        program,
        ...(codePath !== undefined && { codePath }),
        root,
        host,
        username,
        executable,
        cpuCount: this.#metadata.cpu_count,
        cpuCountLogical: this.#metadata.cpu_count_logical,
        disk: Object.fromEntries(disks),
        memory: { total: BigInt(memory.total) },
        ...(git && { git }),
        writerId: randomUUID().replaceAll("-", ""),
      },
    });
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
    writeFileSync(join(this.filesDir, "config.yaml"), stringify({ _wandb: internal, ...Object.fromEntries(entries) }));
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
    const monitor = new SystemMonitor();
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

/** `YYYYMMDD_HHMMSS`, local time. */
function dateStamp(date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}${two(date.getMonth() + 1)}${two(date.getDate())}`;
  return `${day}_${two(date.getHours())}${two(date.getMinutes())}${two(date.getSeconds())}`;
}

/** Makes the run's folder; the same id twice in one second gets a number behind the time. */
function makeRunDir(wandbDir: string, stem: string, id: string): string {
  mkdirSync(wandbDir, { recursive: true });
  for (let attempt = 0; ; attempt++) {
    const dir = join(wandbDir, attempt === 0 ? `${stem}-${id}` : `${stem}_${attempt}-${id}`);
    try {
      mkdirSync(dir);
      return dir;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 100) throw error;
    }
  }
}

function link(path: string, target: string): void {
  try {
    rmSync(path, { force: true });
    symlinkSync(target, path);
  } catch {
    // A convenience only; some file systems have no links.
  }
}
