import { rmSync, writeFileSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { CtError, getLogger, parseOptions } from "@classifier-training/base";
import {
  type CheckpointSource,
  type FinalStatus,
  type Hyperparams,
  type LoggedImage,
  type LoggedTable,
  Logger,
  plainHyperparams,
  withPrefix,
} from "@classifier-training/lightning";
import type { z } from "zod";
import { CheckpointScan, keepsCheckpoint } from "./checkpoint-scan.ts";
import { artifactRecord, stageFile, stagingFolder } from "./wandb/artifacts.ts";
import { histogramValue, storeImages, storeTable } from "./wandb/media.ts";
import { type WandbLoggerOptions, wandbLoggerOptionsSchema } from "./wandb/options.ts";
import { makeRunId } from "./wandb/records.ts";
import { stepMetric, WandbRun } from "./wandb/run.ts";
import { lastRunId, runUrl } from "./wandb/run-address.ts";
import type { SenderTuning } from "./wandb/sender-options.ts";
import { SenderThread } from "./wandb/sender-thread.ts";
import { type WandbMode, wandbSettings } from "./wandb/settings.ts";

const log = getLogger("lightning.wandb");

/**
 * Logs to Weights & Biases. Everything is first written to disk as the official client does (`wandb/run-DATE-ID/`, or
 * `wandb/offline-run-DATE-ID/`); online, another thread sends it from there. What could not be sent stays, and
 * `classifier wandb sync DIR` (or the official `wandb sync DIR`) sends it.
 *
 * The run begins with the first use and stays open after `finalize("success")`, so that a test after the fit goes to the
 * same run; `close()`, or the end of the process, ends it.
 */
export class WandbLogger extends Logger {
  readonly options: z.output<typeof wandbLoggerOptionsSchema>;
  readonly #tuning: Partial<SenderTuning> | undefined;
  #id: string | undefined;
  #mode: WandbMode | undefined;
  #run: WandbRun | undefined;
  #sender: SenderThread | undefined;
  #artifacts: Promise<void> = Promise.resolve();
  readonly #checkpoints = new CheckpointScan();
  readonly #pendingCallbacks = new Set<CheckpointSource>();
  #undoExitHooks: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  /** Those that wait for their row. */
  #histograms: { readonly step: number; readonly values: Record<string, unknown> } | undefined;

  /** @param tuning intervals and limits of the sender, for tests. */
  constructor(options: WandbLoggerOptions = {}, tuning?: Partial<SenderTuning>) {
    super();
    this.options = parseOptions("WandbLogger", wandbLoggerOptionsSchema, options);
    this.#tuning = tuning;
    const { version, id } = this.options;
    this.#id = version ?? id ?? (process.env["WANDB_RUN_ID"] || undefined);
    if (this.#id !== undefined && !/^[^/\\#?%:]{1,128}$/.test(this.#id)) {
      throw new CtError({
        code: "wandb/id",
        what: `id: expected at most 128 characters, none of / \\ # ? % :, received '${this.#id}'`,
        fix: "set id to another name, or leave it out",
      });
    }
  }

  /** The project, as in Lightning. */
  get name(): string {
    return this.options.project ?? (process.env["WANDB_PROJECT"] || "lightning_logs");
  }

  /** The run's id, once the run has begun (or when it was given). */
  get version(): string | undefined {
    return this.#id;
  }

  get saveDir(): string | undefined {
    const { saveDir, dir } = this.options;
    return saveDir ?? dir ?? undefined;
  }

  override get logDir(): string | undefined {
    return this.#run?.dir ?? this.saveDir;
  }

  /** The run on disk; begins it. `undefined` when W&B is disabled. */
  get experiment(): WandbRun | undefined {
    if (this.#run === undefined && this.#mode !== "disabled") this.#begin();
    return this.#run;
  }

  /** Someone has pressed Stop on the run's page. */
  override get stopRequested(): boolean {
    return this.#sender?.stopRequested ?? false;
  }

  logHyperparams(params: Hyperparams): void {
    this.experiment?.updateConfig(plainHyperparams(params));
  }

  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    if (this.#histograms?.step !== step) this.#logHistograms();
    const histograms = this.#histograms?.values;
    this.#histograms = undefined;
    this.experiment?.logRow({ ...withPrefix(metrics, this.options.prefix), ...histograms, [stepMetric]: step });
  }

  override logImage(key: string, images: readonly LoggedImage[], step: number): void {
    const run = this.experiment;
    run?.logMedia(storeImages(run.filesDir, key, images, run.step), key, { [stepMetric]: step });
  }

  override logTable(key: string, table: LoggedTable, step: number): void {
    const run = this.experiment;
    run?.logMedia(storeTable(run.filesDir, key, table, run.step), key, { [stepMetric]: step });
  }

  override logText(key: string, text: string, step: number): void {
    this.logTable(key, { columns: ["text"], data: [[text]] }, step);
  }

  /** The histograms of a step make one row, with the metrics of the step when they come next. */
  override logHistogram(key: string, values: ArrayLike<number>, step: number): void {
    if (this.#histograms?.step !== step) this.#logHistograms();
    this.#histograms ??= { step, values: {} };
    this.#histograms.values[key] = histogramValue(values);
  }

  /** Uploads a copy of a file with the run. */
  override logFile(path: string): void {
    const run = this.experiment;
    if (run === undefined) return;
    const name = basename(path);
    this.#later(async () => {
      await copyFile(path, join(run.filesDir, name));
      run.announceFiles([name], "now");
    });
  }

  override save(): void {}

  override afterSaveCheckpoint(callback: CheckpointSource): void {
    const keep = keepsCheckpoint(this.options.logModel, callback);
    if (keep === "now") this.#logCheckpoints(callback);
    else if (keep === "later") this.#pendingCallbacks.add(callback);
  }

  /** After a success the run stays open (see the class); otherwise it ends here. */
  async finalize(status: FinalStatus): Promise<void> {
    this.#logHistograms();
    if (this.#run === undefined || this.#run.isFinished) return;
    if (status !== "success") return this.close(status === "interrupted" ? 255 : 1);
    for (const callback of this.#pendingCallbacks) this.#logCheckpoints(callback);
    this.#pendingCallbacks.clear();
    await this.#artifacts;
    this.#run.writeSummary();
    await this.#sender?.flush(this.options.finishTimeout * 1000);
  }

  /** Ends the run. Resolves when the server has it all, or when waiting longer makes no sense. */
  override close(exitCode = 0): Promise<void> {
    this.#closed ??= this.#finish(exitCode);
    return this.#closed;
  }

  async #finish(exitCode: number): Promise<void> {
    await this.#artifacts;
    this.#end(exitCode);
    await this.#sender?.finish(this.options.finishTimeout * 1000);
  }

  /** The part of ending that needs no waiting. */
  #end(exitCode: number): void {
    this.#undoExitHooks?.();
    if (this.#run?.isFinished === false) this.#logHistograms();
    this.#run?.finish(exitCode);
    if (exitCode === 0 && this.#run !== undefined) rmSync(this.#resumePath(), { force: true });
  }

  #begin(): void {
    const { options } = this;
    const environment = process.env;
    const settings = wandbSettings({ offline: options.offline, mode: options.mode, saveDir: this.saveDir ?? null });
    this.#mode = settings.mode;
    if (settings.mode === "disabled") return;
    const asked = options.resume ?? (environment["WANDB_RESUME"] || null);
    const resumePath = join(settings.wandbDir, "wandb-resume.json");
    if ((asked === "auto" || asked === true) && this.#id === undefined) this.#id = lastRunId(resumePath);
    const hasGivenId = this.#id !== undefined;
    this.#id ??= makeRunId();
    const run = new WandbRun({
      wandbDir: settings.wandbDir,
      mode: settings.mode,
      id: this.#id,
      project: this.name,
      entity: options.entity ?? environment["WANDB_ENTITY"] ?? "",
      name: options.name ?? environment["WANDB_NAME"] ?? "",
      notes: options.notes ?? environment["WANDB_NOTES"] ?? "",
      tags: options.tags ?? environment["WANDB_TAGS"]?.split(",").filter(Boolean) ?? [],
      group: options.group ?? environment["WANDB_RUN_GROUP"] ?? "",
      jobType: options.jobType ?? environment["WANDB_JOB_TYPE"] ?? "",
      config: plainHyperparams(options.config ?? {}),
      // A fresh random id cannot be on the server yet; Lightning allows resuming whenever an id is given.
      resume: hasGivenId ? (asked === "must" || asked === "never" ? asked : "allow") : undefined,
      captureConsole: options.console && environment["WANDB_CONSOLE"] !== "off",
      systemMetricsIntervalMs: options.systemMetricsInterval * 1000,
      captureGit: options.saveGit && environment["WANDB_DISABLE_GIT"] !== "true",
      captureDiff: options.saveCode ?? environment["WANDB_SAVE_CODE"] === "true",
    });
    this.#run = run;
    writeFileSync(resumePath, JSON.stringify({ run_id: this.#id }));
    if (settings.mode === "offline") {
      const why = settings.reason === undefined ? "offline" : `offline: ${settings.reason}`;
      log.info(`wandb: ${why}; the run is kept in ${run.dir}, 'classifier wandb sync ${run.dir}' sends it`);
    } else {
      this.#sender = new SenderThread(
        {
          options: {
            logPath: run.logPath,
            filesDir: run.filesDir,
            baseUrl: settings.baseUrl,
            apiKey: settings.apiKey as string,
            isLive: true,
            tuning: this.#tuning,
          },
        },
        run.dir,
        ({ entity, project, displayName }) =>
          `wandb: run ${displayName} at ${runUrl(settings.baseUrl, entity, project, run.options.id)}`,
      );
    }
    this.#hookExit();
  }

  #logHistograms(): void {
    const waiting = this.#histograms;
    this.#histograms = undefined;
    if (waiting !== undefined) this.experiment?.logRow({ ...waiting.values, [stepMetric]: waiting.step });
  }

  #hookExit(): void {
    // `beforeExit` can still wait for the server; `exit` (a call of process.exit) can only complete the files.
    const beforeExit = () => void this.close(Number(process.exitCode ?? 0));
    const exit = (code: number) => this.#end(code);
    process.once("beforeExit", beforeExit);
    process.once("exit", exit);
    this.#undoExitHooks = () => {
      process.off("beforeExit", beforeExit);
      process.off("exit", exit);
    };
  }

  #resumePath(): string {
    return join(dirname(this.#run?.dir ?? "."), "wandb-resume.json");
  }

  #logCheckpoints(callback: CheckpointSource): void {
    const run = this.experiment;
    if (run === undefined) return;
    const name = this.options.checkpointName ?? `model-${run.options.id}`;
    for (const { path, aliases, metadata } of this.#checkpoints.fresh(callback)) {
      const staged = stageFile(path, `model${extname(path)}`, join(run.dir, stagingFolder));
      staged.catch(() => {});
      this.#later(async () => {
        run.logArtifact(artifactRecord({ name, type: "model", aliases, metadata }, [await staged]));
      });
    }
  }

  #later(work: () => Promise<void>): void {
    this.#artifacts = this.#artifacts.then(work).catch((error: unknown) => {
      log.warning(`wandb: a file was not kept: ${error instanceof Error ? error.message : String(error)}`);
    });
  }
}
