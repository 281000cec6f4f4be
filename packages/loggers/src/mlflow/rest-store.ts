import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { CtError, getLogger } from "@classifier-training/base";
import { defaultRetry, HttpClient, RefusedError, type RetryTuning } from "../http.ts";
import type { MlflowMetric, MlflowRunRequest, MlflowStatus, MlflowStore } from "./store.ts";
import { jsonNumber, UnsentFiles } from "./unsent.ts";

/** The service's limits of one `log-batch`. */
const maxMetrics = 1000;
const maxParams = 100;

/** Identifies a run while the answer to its creation may be lost. */
const clientTag = "classifier_training.client_id";

export interface RestStoreOptions {
  readonly uri: string;
  readonly request: MlflowRunRequest;
  /** Where what cannot be sent is kept, in files of the run's own; undefined: nowhere, `failure` tells of it. */
  readonly unsentDir?: string | undefined;
  /** Milliseconds since 1970; now by default. */
  readonly startedAt?: number;
  readonly retry?: RetryTuning | undefined;
}

interface RunInfo {
  readonly run_id: string;
  readonly experiment_id: string;
  readonly artifact_uri?: string;
}

const log = getLogger("lightning.mlflow");

/** MLflow's REST API. Metrics gather into batches while a request is under way; requests are sent one after the other. */
export class RestStore implements MlflowStore {
  runId: string | undefined;
  experimentId: string | undefined;
  readonly #options: RestStoreOptions;
  readonly #http: HttpClient;
  readonly #abort = new AbortController();
  readonly #client = crypto.randomUUID();
  readonly #startedAt: number;
  #metrics: MlflowMetric[] = [];
  readonly #params = new Map<string, string>();
  readonly #staged = new Set<string>();
  #end: { readonly status: MlflowStatus; readonly endTime: number } | undefined;
  #unsent: UnsentFiles | undefined;
  /** Metrics that the server has refused. */
  readonly #refused: MlflowMetric[] = [];
  /** Whether the server does not answer: what is waiting then is on disk as well, where a kill leaves it. */
  #isStalled = false;
  /** Metrics in the file of what could not be sent. */
  #kept = 0;
  /** Why something was not sent. */
  failure: string | undefined;
  #queue: (() => Promise<void>)[] = [];
  #worker: Promise<void> | undefined;
  #artifactUri = "";
  #isRetryReported = false;
  #isUnkeptReported = false;
  #lastProgressAt = Date.now();
  #isBroken = false;

  constructor(options: RestStoreOptions) {
    this.#options = options;
    this.#startedAt = options.startedAt ?? Date.now();
    const { headers, secrets } = authorization(options.uri);
    this.#http = new HttpClient({
      retry: options.retry ?? defaultRetry,
      headers,
      secrets,
      signal: this.#abort.signal,
      onRetry: (reason) => this.#stall(reason),
    });
    this.#enqueue(() => this.#begin());
  }

  logMetrics(metrics: readonly MlflowMetric[]): void {
    if (this.#isBroken) {
      this.#keep(metrics);
      return;
    }
    // A batch that is still waiting takes these in as well.
    const isWaiting = this.#metrics.length > 0;
    for (const metric of metrics) this.#metrics.push(metric);
    if (!isWaiting) this.#enqueue(() => this.#sendMetrics());
    if (this.#isStalled) this.#keep(metrics);
  }

  logParams(params: ReadonlyMap<string, string>): void {
    for (const [key, value] of params) this.#params.set(key, value);
    if (this.#isBroken) this.#keep([]);
    const list = [...params].map(([key, value]) => ({ key, value }));
    for (let i = 0; i < list.length; i += maxParams) {
      const part = list.slice(i, i + maxParams);
      this.#enqueue(async () => {
        await this.#post("runs/log-batch", { run_id: this.runId, params: part });
        for (const { key } of part) this.#params.delete(key);
      });
    }
  }

  logArtifact(path: string, content: { readonly file: string } | { readonly bytes: Uint8Array }): void {
    if (this.#isBroken) return;
    // Kept aside at once: a checkpoint may be gone when its turn comes.
    const dir = mkdtempSync(join(tmpdir(), "mlflow-"));
    this.#staged.add(dir);
    const staged = join(dir, basename(path));
    if ("file" in content) copyFileSync(content.file, staged);
    else writeFileSync(staged, content.bytes);
    this.#enqueue(async () => {
      await this.#putArtifact(path, staged);
      this.#dropStaged(dir);
    });
  }

  terminate(status: MlflowStatus, endTime = Date.now()): void {
    this.#end = { status, endTime };
    if (this.#isBroken) this.#keep([]);
    this.#enqueue(async () => {
      await this.#post("runs/update", { run_id: this.runId, status, end_time: endTime });
      this.#end = undefined;
    });
  }

  async drain(patienceMs: number): Promise<void> {
    this.#lastProgressAt = Date.now();
    let timer: NodeJS.Timeout | undefined;
    const hopeless = new Promise<"hopeless">((resolve) => {
      timer = setInterval(() => {
        if (Date.now() - this.#lastProgressAt >= patienceMs) resolve("hopeless");
      }, 50);
    });
    const outcome = await Promise.race([this.#worker, hopeless]);
    clearInterval(timer);
    if (outcome === "hopeless") this.#giveUp("the server did not answer in time");
    if (this.failure === undefined) return;
    const reason = `mlflow: not everything was sent (${this.failure})`;
    if (this.#unsent === undefined || this.#kept === 0) log.warning(reason);
    else {
      log.warning(
        `${reason}; ${this.#kept} metrics are kept in ${this.#unsent.metricsPath}: \`classifier mlflow sync\` with this file sends them`,
      );
    }
  }

  #enqueue(work: () => Promise<void>): void {
    if (this.#isBroken) return;
    this.#queue.push(work);
    this.#worker ??= this.#work().finally(() => {
      this.#worker = undefined;
    });
  }

  async #work(): Promise<void> {
    // Once round the event loop first, so that a step's metrics make one batch.
    await new Promise((resolve) => setImmediate(resolve));
    for (let work = this.#queue[0]; work !== undefined; work = this.#queue[0]) {
      try {
        await work();
      } catch (error) {
        if (this.#isBroken) return;
        const reason = error instanceof Error ? error.message.replaceAll("\n", " ") : String(error);
        if (this.runId === undefined) {
          log.warning(`mlflow: the run could not be begun (${reason}); its metrics are kept on disk`);
          return this.#giveUp(reason);
        }
        this.#fail(`something was not taken: ${reason}`);
        log.warning(`mlflow: ${this.failure}`);
      }
      this.#lastProgressAt = Date.now();
      this.#queue.shift();
      this.#recover();
    }
  }

  async #begin(): Promise<void> {
    const { request } = this.#options;
    if (request.runId !== null) {
      const { run } = await this.#get<{ run: { info: RunInfo } }>(
        `runs/get?run_id=${encodeURIComponent(request.runId)}`,
      );
      await this.#post("runs/update", { run_id: request.runId, status: "RUNNING" });
      return this.#take(run.info);
    }
    const experimentId = await this.#findExperiment();
    const tags = Object.entries({ ...request.tags, [clientTag]: this.#client }).map(([key, value]) => ({ key, value }));
    const search = {
      experiment_ids: [experimentId],
      filter: `tags.\`${clientTag}\` = '${this.#client}'`,
      max_results: 1,
    };
    const answer = await this.#http.sendJson(
      this.#url("runs/create"),
      {
        experiment_id: experimentId,
        user_id: request.tags["mlflow.user"],
        run_name: request.runName,
        start_time: this.#startedAt,
        tags,
      },
      {
        recover: async () => {
          const { runs = [] } = JSON.parse(await this.#http.sendJson(this.#url("runs/search"), search)) as {
            runs?: unknown[];
          };
          return runs.length === 0 ? undefined : JSON.stringify({ run: runs[0] });
        },
      },
    );
    this.#take((JSON.parse(answer) as { run: { info: RunInfo } }).run.info);
  }

  #take({ run_id, experiment_id, artifact_uri = "" }: RunInfo): void {
    this.runId = run_id;
    this.experimentId = experiment_id;
    this.#artifactUri = artifact_uri;
    log.info(`mlflow: run ${run_id} at ${this.#options.uri}/#/experiments/${experiment_id}/runs/${run_id}`);
  }

  async #findExperiment(): Promise<string> {
    const { experimentName: name, artifactLocation } = this.#options.request;
    const find = async () => {
      try {
        const path = `experiments/get-by-name?experiment_name=${encodeURIComponent(name)}`;
        const { experiment } = await this.#get<{ experiment: { experiment_id: string; lifecycle_stage?: string } }>(
          path,
        );
        return experiment.lifecycle_stage === "deleted" ? undefined : experiment.experiment_id;
      } catch (error) {
        if (error instanceof RefusedError && (error.status === 404 || error.status === 400)) return undefined;
        throw error;
      }
    };
    const found = await find();
    if (found !== undefined) return found;
    try {
      const body = { name, ...(artifactLocation !== null && { artifact_location: artifactLocation }) };
      return (await this.#post<{ experiment_id: string }>("experiments/create", body)).experiment_id;
    } catch (error) {
      // Another process made it meanwhile, or the answer to our own request was lost.
      const made = error instanceof RefusedError ? await find() : undefined;
      if (made === undefined) throw error;
      return made;
    }
  }

  async #sendMetrics(): Promise<void> {
    while (this.#metrics.length > 0) {
      const batch = this.#metrics.slice(0, maxMetrics);
      const metrics = batch.map((metric) => ({ ...metric, value: jsonNumber(metric.value) }));
      try {
        await this.#post("runs/log-batch", { run_id: this.runId, metrics });
      } catch (error) {
        if (!(error instanceof RefusedError)) throw error;
        this.#fail(`${batch.length} metrics were refused: ${error.message}`);
        this.#refused.push(...batch);
        if (!this.#isStalled) this.#keep(batch);
      }
      this.#lastProgressAt = Date.now();
      this.#metrics.splice(0, batch.length);
      this.#recover();
    }
  }

  async #putArtifact(path: string, staged: string): Promise<void> {
    const uri = this.#artifactUri;
    if (uri.startsWith("mlflow-artifacts:")) {
      // The service stores it itself: under its own address, or the one that the URI names.
      const { host, pathname } = new URL(uri);
      const base = host === "" ? this.#options.uri : `${new URL(this.#options.uri).protocol}//${host}`;
      const whole = [...pathname.split("/"), ...path.split("/")].filter(Boolean).map(encodeURIComponent).join("/");
      const { headers } = authorization(this.#options.uri);
      await this.#http.putFile(`${base}/api/2.0/mlflow-artifacts/artifacts/${whole}`, staged, headers);
      return;
    }
    if (/^[a-z][a-z0-9+.-]+:/i.test(uri) && !uri.startsWith("file:")) {
      throw new CtError({
        code: "mlflow/artifacts",
        what: `artifacts cannot be stored at ${uri}`,
        fix: "start the server with --serve-artifacts, or with an artifact root on a shared disk",
      });
    }
    const target = join(uri.startsWith("file:") ? fileURLToPath(uri) : resolve(uri), path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(staged, target);
  }

  async #post<Answer>(path: string, body: unknown): Promise<Answer> {
    return JSON.parse((await this.#http.sendJson(this.#url(path), body)) || "{}") as Answer;
  }

  async #get<Answer>(path: string): Promise<Answer> {
    return JSON.parse(await this.#http.get(this.#url(path))) as Answer;
  }

  #url(path: string): string {
    return `${withoutUser(this.#options.uri)}/api/2.0/mlflow/${path}`;
  }

  #stall(reason: string): void {
    if (!this.#isStalled) {
      this.#isStalled = true;
      this.#keep(this.#metrics);
    }
    if (this.#isRetryReported) return;
    this.#isRetryReported = true;
    log.warning(`mlflow: the server does not answer (${reason}); retrying while training continues`);
  }

  /** After an answer: what the server has taken need not be kept any more. */
  #recover(): void {
    if (!this.#isStalled || this.#unsent === undefined) return;
    this.#isStalled = this.#metrics.length > 0;
    const left = [...this.#refused, ...this.#metrics];
    try {
      if (left.length === 0) this.#unsent.remove();
      else this.#unsent.replace(left);
      this.#kept = left.length;
    } catch (error) {
      this.#sayUnkept(error);
    }
  }

  /** Sends nothing any more: what is waiting, and all that comes, is kept. */
  #giveUp(reason: string): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#abort.abort();
    this.#queue = [];
    for (const dir of this.#staged) this.#dropStaged(dir);
    this.#fail(reason);
    const waiting = this.#metrics.splice(0);
    this.#keep(this.#isStalled ? [] : waiting);
  }

  /** The first reason counts. */
  #fail(reason: string): void {
    this.failure ??= reason.replaceAll("\n", " ");
  }

  #keep(metrics: readonly MlflowMetric[]): void {
    const { unsentDir, uri, request } = this.#options;
    if (unsentDir === undefined) return;
    this.#unsent ??= new UnsentFiles(unsentDir, this.runId ?? this.#client);
    try {
      this.#unsent.writeRun({
        uri: withoutUser(uri),
        ...(this.runId !== undefined && { runId: this.runId }),
        startedAt: this.#startedAt,
        request,
        params: [...this.#params],
        ...(this.#end !== undefined && { end: this.#end }),
      });
      if (metrics.length > 0) this.#unsent.append(metrics);
      this.#kept += metrics.length;
    } catch (error) {
      this.#sayUnkept(error);
    }
  }

  #sayUnkept(error: unknown): void {
    if (this.#isUnkeptReported) return;
    this.#isUnkeptReported = true;
    log.warning(`mlflow: what the server does not take cannot be kept on disk: ${(error as Error).message}`);
  }

  #dropStaged(dir: string): void {
    rmSync(dir, { recursive: true, force: true });
    this.#staged.delete(dir);
  }
}

function withoutUser(uri: string): string {
  const url = new URL(uri);
  url.username = "";
  url.password = "";
  return url.href.replace(/\/+$/, "");
}

function authorization(uri: string): { headers: Record<string, string>; secrets: string[] } {
  const url = new URL(uri);
  const token = process.env["MLFLOW_TRACKING_TOKEN"];
  const user = process.env["MLFLOW_TRACKING_USERNAME"] ?? decodeURIComponent(url.username);
  const password = process.env["MLFLOW_TRACKING_PASSWORD"] ?? decodeURIComponent(url.password);
  if (user !== "") {
    const basic = Buffer.from(`${user}:${password}`).toString("base64");
    return { headers: { Authorization: `Basic ${basic}` }, secrets: [password, basic] };
  }
  if (token) return { headers: { Authorization: `Bearer ${token}` }, secrets: [token] };
  return { headers: {}, secrets: [] };
}
