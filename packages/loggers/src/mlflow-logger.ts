import { userInfo } from "node:os";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CtError, parseOptions } from "@classifier-training/base";
import {
  type CheckpointSource,
  type FinalStatus,
  type Hyperparams,
  type LoggedImage,
  type LoggedTable,
  Logger,
  plainHyperparams,
  prefixOption,
  withPrefix,
} from "@classifier-training/lightning";
import { z } from "zod";
import { CheckpointScan, keepsCheckpoint } from "./checkpoint-scan.ts";
import type { RetryTuning } from "./http.ts";
import { flattenHyperparams } from "./hyperparams.ts";
import { FileStore } from "./mlflow/file-store.ts";
import { RestStore } from "./mlflow/rest-store.ts";
import { type MlflowStore, metricName } from "./mlflow/store.ts";
import { gitState } from "./wandb/environment.ts";
import { toYaml } from "./yaml.ts";

export const mlflowLoggerOptionsSchema = z.strictObject({
  experimentName: z.string().default("lightning_logs").describe("the experiment; created when it does not exist"),
  runName: z.string().nullable().default(null).describe("the run's name; null: run-TIME"),
  trackingUri: z
    .string()
    .nullable()
    .default(null)
    .describe("http(s):..., or file:FOLDER; null: MLFLOW_TRACKING_URI, or save_dir"),
  tags: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .nullable()
    .default(null),
  saveDir: z.string().nullable().default("./mlruns").describe("the folder, when there is no tracking_uri"),
  logModel: z
    .union([z.literal("all"), z.boolean()])
    .default(false)
    .describe("keep checkpoints as artifacts: all of them as they are saved, or (true) those left at the end"),
  prefix: prefixOption,
  artifactLocation: z.string().nullable().default(null).describe("where a new experiment keeps artifacts"),
  runId: z.string().nullable().default(null).describe("continue this run"),
  synchronous: z.boolean().nullable().default(null).describe("accepted; requests never hold up training"),
  finishTimeout: z
    .number()
    .min(0)
    .default(60)
    .describe("seconds to wait at the end for a server that does not respond"),
});

export type MLFlowLoggerOptions = z.input<typeof mlflowLoggerOptionsSchema>;

/** Logs to MLflow: a tracking server's REST API, or a folder in the layout of MLflow's `file:` store. */
export class MLFlowLogger extends Logger {
  readonly options: z.output<typeof mlflowLoggerOptionsSchema>;
  readonly #retry: RetryTuning | undefined;
  readonly #checkpoints = new CheckpointScan();
  #store: MlflowStore | undefined;
  #pendingCallback: CheckpointSource | undefined;

  /** @param retry pauses between attempts, for tests. */
  constructor(options: MLFlowLoggerOptions = {}, retry?: RetryTuning) {
    super();
    this.options = parseOptions("MLFlowLogger", mlflowLoggerOptionsSchema, options);
    this.#retry = retry;
  }

  get trackingUri(): string {
    return (
      this.options.trackingUri || process.env["MLFLOW_TRACKING_URI"] || `file:${this.options.saveDir ?? "./mlruns"}`
    );
  }

  /** The experiment's id, once it is known. */
  get name(): string | undefined {
    return this.#store?.experimentId;
  }

  /** The run's id, once it is known. */
  get version(): string | undefined {
    return this.#store?.runId ?? this.options.runId ?? undefined;
  }

  get saveDir(): string | undefined {
    return localFolder(this.trackingUri);
  }

  /** The run; begins it. */
  get experiment(): MlflowStore {
    this.#store ??= this.#begin();
    return this.#store;
  }

  logHyperparams(params: Hyperparams): void {
    const flat = flattenHyperparams(plainHyperparams(params));
    const texts = [...flat].map(([key, value]) => [key, asText(value).slice(0, 250)] as const);
    this.experiment.logParams(new Map(texts));
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    const timestamp = Date.now();
    const named = withPrefix(metrics, this.options.prefix);
    const list = Object.entries(named).map(([key, value]) => ({ key: metricName(key), value, timestamp, step }));
    this.experiment.logMetrics(list);
  }

  override logImage(key: string, images: readonly LoggedImage[], step: number): void {
    for (const [i, { png }] of images.entries()) {
      const suffix = images.length === 1 ? "" : `_${i}`;
      this.experiment.logArtifact(`images/${metricName(key)}/step_${String(step).padStart(6, "0")}${suffix}.png`, {
        bytes: png,
      });
    }
  }

  override logTable(key: string, table: LoggedTable, step: number): void {
    const bytes = Buffer.from(JSON.stringify({ columns: table.columns, data: table.data }));
    this.experiment.logArtifact(`tables/${metricName(key)}/step_${step}.json`, { bytes });
  }

  override logText(key: string, text: string, step: number): void {
    this.experiment.logArtifact(`texts/${metricName(key)}/step_${step}.txt`, { bytes: Buffer.from(text) });
  }

  override logFile(path: string): void {
    this.experiment.logArtifact(basename(path), { file: path });
  }

  override afterSaveCheckpoint(callback: CheckpointSource): void {
    const keep = keepsCheckpoint(this.options.logModel, callback);
    if (keep === "now") this.#logCheckpoints(callback);
    else if (keep === "later") this.#pendingCallback = callback;
  }

  async finalize(status: FinalStatus): Promise<void> {
    if (this.#store === undefined) return;
    if (this.#pendingCallback !== undefined) this.#logCheckpoints(this.#pendingCallback);
    this.#store.terminate(status === "success" ? "FINISHED" : status === "failed" ? "FAILED" : "KILLED");
    await this.#store.drain(this.options.finishTimeout * 1000);
  }

  #begin(): MlflowStore {
    const { experimentName, runName, tags, artifactLocation, runId } = this.options;
    const git = gitState();
    const request = {
      experimentName,
      runName: runName ?? defaultRunName(),
      artifactLocation,
      runId,
      tags: {
        ...Object.fromEntries(Object.entries(tags ?? {}).map(([key, value]) => [key, String(value)])),
        "mlflow.user": userName(),
        "mlflow.source.name": process.argv[1] ?? "",
        "mlflow.source.type": "LOCAL",
        "mlflow.runName": runName ?? defaultRunName(),
        ...(git !== undefined && { "mlflow.source.git.commit": git.commit }),
      },
    };
    const uri = this.trackingUri;
    const folder = localFolder(uri);
    if (folder !== undefined) return new FileStore(folder, request);
    if (!/^https?:/.test(uri)) {
      throw new CtError({
        code: "mlflow/uri",
        what: `trackingUri: expected http://, https:// or file:, received '${uri}'`,
        fix: "set it to http://HOST:PORT, https://HOST, or file:FOLDER",
      });
    }
    const unsentDir = this.options.saveDir ?? ".";
    return new RestStore({ uri: uri.replace(/\/+$/, ""), request, unsentDir, retry: this.#retry });
  }

  #logCheckpoints(callback: CheckpointSource): void {
    for (const { path, aliases, metadata } of this.#checkpoints.fresh(callback)) {
      const folder = basename(path, extname(path));
      this.experiment.logArtifact(join(folder, basename(path)), { file: path });
      this.experiment.logArtifact(`${folder}/metadata.yaml`, { bytes: Buffer.from(toYaml(metadata)) });
      this.experiment.logArtifact(`${folder}/aliases.txt`, { bytes: Buffer.from(JSON.stringify(aliases)) });
    }
  }
}

function localFolder(uri: string): string | undefined {
  if (uri.startsWith("file://")) return fileURLToPath(uri);
  if (uri.startsWith("file:")) return uri.slice("file:".length);
  return /^[a-z][a-z0-9+.-]*:/i.test(uri) ? undefined : uri;
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown";
  }
}

const startedAt = new Date().toISOString().slice(0, 19);

function defaultRunName(): string {
  return `run-${startedAt.replaceAll(":", "-")}`;
}
