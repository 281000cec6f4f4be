import { randomUUID } from "node:crypto";
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { CtError, floatRepr, writeFileAtomic } from "@classifier-training/base";
import { parse } from "yaml";
import { toYaml } from "../yaml.ts";
import type { MlflowMetric, MlflowRunRequest, MlflowStatus, MlflowStore } from "./store.ts";

// Rows wait at most this long in memory: a file an metric would otherwise be opened on every step.
const flushIntervalMs = 1000;
const statusNumbers: Readonly<Record<MlflowStatus, number>> = { RUNNING: 1, FINISHED: 3, FAILED: 4, KILLED: 5 };

/** MLflow's `file:` store: folders of experiments and runs, a file a metric, parameter and tag. */
export class FileStore implements MlflowStore {
  readonly runId: string;
  readonly experimentId: string;
  readonly dir: string;
  readonly #lines = new Map<string, string>();
  #flushedAt = Date.now();
  #timer: NodeJS.Timeout | undefined;
  readonly #onExit = () => this.#flush();

  constructor(root: string, request: MlflowRunRequest) {
    mkdirSync(join(root, ".trash"), { recursive: true });
    if (request.runId === null) {
      this.experimentId = findExperiment(root, request.experimentName) ?? makeExperiment(root, request);
      this.runId = randomUUID().replaceAll("-", "");
      this.dir = join(root, this.experimentId, this.runId);
      this.#makeRun(request);
    } else {
      const { runId } = request;
      const experimentId = experimentIds(root).find((id) => existsSync(join(root, id, runId, "meta.yaml")));
      if (experimentId === undefined) {
        throw new CtError({ code: "mlflow/run", what: `there is no MLflow run '${runId}'`, where: root });
      }
      this.experimentId = experimentId;
      this.runId = runId;
      this.dir = join(root, experimentId, runId);
      this.#updateMeta({ status: statusNumbers.RUNNING, end_time: null });
    }
    process.once("exit", this.#onExit);
  }

  logMetrics(metrics: readonly MlflowMetric[]): void {
    for (const { key, value, timestamp, step } of metrics) {
      const line = `${timestamp} ${floatRepr(value)} ${step}\n`;
      this.#lines.set(key, (this.#lines.get(key) ?? "") + line);
    }
    if (Date.now() - this.#flushedAt >= flushIntervalMs) this.#flush();
    this.#timer ??= setTimeout(() => this.#flush(), flushIntervalMs).unref();
  }

  logParams(params: ReadonlyMap<string, string>): void {
    for (const [key, value] of params) put(join(this.dir, "params", safeKey(key)), value);
  }

  logArtifact(path: string, content: { readonly file: string } | { readonly bytes: Uint8Array }): void {
    const target = join(this.dir, "artifacts", path);
    mkdirSync(dirname(target), { recursive: true });
    if ("file" in content) copyFileSync(content.file, target);
    else writeFileSync(target, content.bytes);
  }

  terminate(status: MlflowStatus): void {
    this.#flush();
    process.off("exit", this.#onExit);
    this.#updateMeta({ status: statusNumbers[status], end_time: Date.now() });
  }

  async drain(): Promise<void> {
    this.#flush();
  }

  #makeRun({ runName, tags }: MlflowRunRequest): void {
    for (const folder of ["metrics", "params", "tags", "artifacts"])
      mkdirSync(join(this.dir, folder), { recursive: true });
    for (const [key, value] of Object.entries(tags)) put(join(this.dir, "tags", safeKey(key)), value);
    const meta = {
      artifact_uri: pathToFileURL(resolve(this.dir, "artifacts")).href,
      end_time: null,
      entry_point_name: "",
      experiment_id: this.experimentId,
      lifecycle_stage: "active",
      run_id: this.runId,
      run_name: runName,
      run_uuid: this.runId,
      source_name: "",
      source_type: 4,
      source_version: "",
      start_time: Date.now(),
      status: statusNumbers.RUNNING,
      tags: [],
      user_id: userName(),
    };
    writeMeta(this.dir, meta);
  }

  #updateMeta(fields: Readonly<Record<string, unknown>>): void {
    writeMeta(this.dir, { ...readMeta(this.dir), ...fields });
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushedAt = Date.now();
    for (const [key, lines] of this.#lines) {
      const path = join(this.dir, "metrics", safeKey(key));
      mkdirSync(dirname(path), { recursive: true });
      appendFileSync(path, lines);
    }
    this.#lines.clear();
  }
}

function experimentIds(root: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, entry.name, "meta.yaml")))
    .map(({ name }) => name);
}

function findExperiment(root: string, name: string): string | undefined {
  return experimentIds(root).find((id) => {
    const meta = readMeta(join(root, id));
    return meta["name"] === name && meta["lifecycle_stage"] !== "deleted";
  });
}

function makeExperiment(root: string, { experimentName, artifactLocation }: MlflowRunRequest): string {
  const digits = BigInt(`0x${randomUUID().replaceAll("-", "")}`) % 10n ** 18n;
  const id = String(digits).padStart(18, "1");
  const dir = join(root, id);
  mkdirSync(dir, { recursive: true });
  const now = Date.now();
  writeMeta(dir, {
    artifact_location: artifactLocation ?? pathToFileURL(resolve(dir)).href,
    creation_time: now,
    experiment_id: id,
    last_update_time: now,
    lifecycle_stage: "active",
    name: experimentName,
  });
  return id;
}

function readMeta(dir: string): Record<string, unknown> {
  return (parse(readFileSync(join(dir, "meta.yaml"), "utf8")) ?? {}) as Record<string, unknown>;
}

function writeMeta(dir: string, meta: Readonly<Record<string, unknown>>): void {
  writeFileAtomic(join(dir, "meta.yaml"), toYaml(meta));
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A key as a path inside its folder. */
function safeKey(key: string): string {
  return key
    .split("/")
    .map((part) => (part === ".." || part === "." || part === "" ? "_" : part))
    .join("/");
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "unknown";
  }
}
