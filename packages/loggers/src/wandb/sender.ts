import { writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CtError, plural } from "@classifier-training/base";
import { fileInside } from "@classifier-training/runs";
import { HttpClient } from "../http.ts";
import type { FilesItem, Record as LogRecord } from "../proto/wandb.generated.ts";
import { uploadArtifact } from "./artifacts.ts";
import { FileStream } from "./file-stream.ts";
import { Progress } from "./progress.ts";
import { filePolicy } from "./records.ts";
import { RunState } from "./run-state.ts";
import { defaultTuning, type SenderOptions, type SenderTuning } from "./sender-options.ts";
import { type RunIdentity, WandbService } from "./service.ts";
import { consoleLines, eventsLine, historyLine } from "./stream-lines.ts";
import { TransactionLogReader } from "./transaction-log.ts";
import { UploadQueue } from "./upload-queue.ts";

/**
 * Sends a run to W&B from its transaction log: the same for a log that is growing and for one that is synced later.
 * Requests are sent one after the other, so that lines arrive in order; only file uploads run beside them.
 */
export class WandbSender {
  readonly #options: SenderOptions;
  readonly #tuning: SenderTuning;
  readonly #service: WandbService;
  readonly #reader: TransactionLogReader;
  readonly #progress: Progress;
  readonly #state = new RunState();
  /** Lines of this log read so far. */
  readonly #read = { history: 0, events: 0, console: 0 };
  readonly #endFiles = new Set<string>();
  readonly #uploads = new UploadQueue();
  #run: RunIdentity | undefined;
  #stream: FileStream | undefined;
  #needsUpsert = false;
  #lastUpsertAt = 0;
  #lastSendAt = 0;
  #hasNewSummary = false;
  #exitCode: number | undefined;
  #flushRequests: (() => void)[] = [];
  #isStopReported = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#tuning = { ...defaultTuning, ...options.tuning };
    const token = Buffer.from(`api:${options.apiKey}`).toString("base64");
    const http = new HttpClient({
      retry: this.#tuning.retry,
      headers: { Authorization: `Basic ${token}`, "User-Agent": "wandb-core", "X-WANDB-USE-ASYNC-FILESTREAM": "true" },
      secrets: [options.apiKey, token],
      signal: options.signal,
      onRetry: (reason) => options.onEvent?.({ type: "retrying", reason }),
    });
    this.#service = new WandbService(options.baseUrl, http);
    this.#reader = new TransactionLogReader(options.logPath);
    this.#progress = new Progress(options.logPath);
  }

  /**
   * Sends until the log's exit record (or, when it is not live, its end) is sent.
   * @throws CtError when the server refuses; what it has acknowledged is remembered, nothing is lost.
   */
  async run(): Promise<void> {
    try {
      if (this.#progress.state.isComplete) return;
      while (!(await this.#round())) await sleep(this.#tuning.pollMs, undefined, { signal: this.#options.signal });
    } finally {
      this.#reader.close();
    }
  }

  /** Resolves when all that is in the log now has been sent (uploads that were begun too). */
  flush(): Promise<void> {
    return new Promise((resolve) => this.#flushRequests.push(resolve));
  }

  async #round(): Promise<boolean> {
    const flushes = this.#flushRequests.splice(0);
    const isAtEnd = await this.#readRecords(flushes.length > 0);
    const isLast = isAtEnd && (this.#exitCode !== undefined || !this.#options.isLive);
    if (this.#run === undefined) {
      if (!isLast) {
        this.#flushRequests.unshift(...flushes);
        return false;
      }
      throw new CtError({ code: "wandb/log", what: "the log holds no run", where: this.#options.logPath });
    }
    const now = Date.now();
    if (
      this.#needsUpsert &&
      (isLast || flushes.length > 0 || now - this.#lastUpsertAt >= this.#tuning.transmitIntervalMs)
    ) {
      await this.#upsert();
    }
    await this.#sendLines(isLast || flushes.length > 0);
    if (flushes.length > 0) {
      await this.#uploads.settled();
      for (const resolve of flushes) resolve();
    }
    if (!isLast) return false;
    await this.#finish();
    return true;
  }

  /** Reads what is in the log, as far as memory allows; true at its end. Sends in between when a flush must see the end. */
  async #readRecords(mustReachEnd: boolean): Promise<boolean> {
    for (;;) {
      if ((this.#stream?.pendingBytes ?? 0) >= this.#tuning.maxPendingBytes) {
        if (!mustReachEnd) return false;
        await this.#sendLines(true);
      }
      const record = this.#reader.next();
      if (record === undefined) return true;
      const isFirstRun = record.recordType.case === "run" && this.#run === undefined;
      if (this.#state.apply(record)) this.#needsUpsert = true;
      if (isFirstRun) await this.#start();
      await this.#take(record);
    }
  }

  async #take({ recordType }: LogRecord): Promise<void> {
    switch (recordType.case) {
      case "history":
        this.#addLine("history", () => historyLine(recordType.value.item, this.#progress.state.stepShift));
        this.#hasNewSummary = true;
        return;
      case "summary":
        this.#hasNewSummary = true;
        return;
      case "stats":
        this.#addLine("events", () => eventsLine(recordType.value, this.#state.startedAtMs));
        return;
      case "outputRaw": {
        for (const line of consoleLines(recordType.value)) this.#addLine("console", () => line);
        return;
      }
      case "files":
        this.#takeFiles(recordType.value.files);
        return;
      case "artifact": {
        const artifact = recordType.value;
        const run = this.#run;
        if (run === undefined || this.#progress.state.artifacts.includes(artifact.clientId)) return;
        this.#begin(async () => {
          await uploadArtifact(this.#service, run, artifact, dirname(this.#options.logPath));
          this.#progress.state.artifacts.push(artifact.clientId);
        }, `artifact ${artifact.name}`);
        return;
      }
      case "exit":
        this.#exitCode = recordType.value.exitCode;
        return;
      default:
        return;
    }
  }

  #addLine(stream: "history" | "events" | "console", line: () => string): void {
    // What an earlier sender got across is only counted.
    if (this.#read[stream]++ >= this.#progress.state.sent[stream]) this.#stream?.addLine(stream, line());
  }

  #takeFiles(files: readonly FilesItem[]): void {
    for (const { path, policy } of files) {
      if (this.#progress.state.uploaded.includes(path)) continue;
      if (policy === filePolicy.now) this.#begin(() => this.#uploadFiles([path]), path);
      else this.#endFiles.add(path);
    }
  }

  /** Begins an upload beside the stream. */
  #begin(upload: () => Promise<void>, what: string): void {
    this.#uploads.add(async () => {
      try {
        await upload();
        this.#progress.save();
        this.#options.onEvent?.({ type: "progress" });
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        this.#options.onEvent?.({ type: "warning", text: `${what} was not uploaded: ${messageOf(error)}` });
      }
    });
  }

  async #uploadFiles(paths: readonly string[]): Promise<void> {
    // A log, or a link in its folder, may name any file of this machine: only the run's own are sent.
    const files = new Map(paths.map((path) => [path, fileInside(this.#options.filesDir, path)]));
    const there = paths.filter((path) => files.get(path) !== undefined);
    if (there.length === 0) return;
    for (const { name, url, headers } of await this.#service.uploadAddresses(this.#run as RunIdentity, there)) {
      const file = files.get(name);
      // The server names files as well: those that it was asked about, each once.
      if (file === undefined) continue;
      files.delete(name);
      await this.#service.http.putFile(url, file, headers);
      this.#progress.state.uploaded.push(name);
      this.#stream?.addUploaded(name);
    }
  }

  async #start(): Promise<void> {
    const record = this.#state.run;
    if (record === undefined) return;
    const wanted = {
      entity: this.#options.entity ?? record.entity,
      project: this.#options.project ?? record.project,
      id: record.runId,
    };
    await this.#checkResume(wanted);
    this.#run = wanted;
    const { displayName, entity, project } = await this.#upsert();
    this.#run = { ...wanted, entity, project };
    const { base, sent } = this.#progress.state;
    const offsets = {
      history: base.history + sent.history,
      events: base.events + sent.events,
      console: base.console + sent.console,
    };
    const path = [entity, project, wanted.id].map(encodeURIComponent).join("/");
    const url = `${this.#options.baseUrl}/files/${path}/file_stream`;
    this.#stream = new FileStream(this.#service.http, url, offsets, this.#tuning.limits);
    this.#options.onEvent?.({ type: "started", entity, project, displayName });
  }

  /** Asks for an earlier part of the run, whose lines and steps this log's come behind. */
  async #checkResume(run: RunIdentity): Promise<void> {
    const { state } = this.#progress;
    const { resume } = this.#state;
    if (resume === undefined || state.isResumeChecked) return;
    const found = await this.#service.resumeState(run);
    if (found === undefined && resume === "must") throw resumeError(`there is no run '${run.id}' to resume`);
    if (found !== undefined && resume === "never") throw resumeError(`there is a run '${run.id}' already`);
    if (found !== undefined) {
      state.base = { history: found.historyLines, events: found.eventLines, console: found.consoleLines };
      state.stepShift = found.lastStep + 1;
    }
    state.isResumeChecked = true;
    this.#progress.save();
  }

  async #upsert() {
    const { run } = this.#state;
    this.#needsUpsert = false;
    const upserted = await this.#service.upsertRun({
      ...(this.#run as RunIdentity),
      storageId: this.#progress.state.storageId,
      config: this.#state.configJson(),
      name: run?.displayName ?? "",
      notes: run?.notes ?? "",
      tags: run?.tags ?? [],
      group: run?.runGroup ?? "",
      jobType: run?.jobType ?? "",
      host: run?.host ?? "",
      program: this.#state.program,
      repo: run?.git?.remoteUrl ?? "",
      commit: run?.git?.commit ?? "",
    });
    this.#lastUpsertAt = Date.now();
    if (this.#progress.state.storageId !== upserted.storageId) {
      this.#progress.state.storageId = upserted.storageId;
      this.#progress.save();
    }
    return upserted;
  }

  async #sendLines(isUrgent: boolean): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return;
    const elapsed = Date.now() - this.#lastSendAt;
    const hasLines = stream.hasPending || this.#hasNewSummary;
    const isDue = hasLines
      ? isUrgent || elapsed >= this.#tuning.transmitIntervalMs
      : elapsed >= this.#tuning.heartbeatMs;
    if (!isDue) return;
    if (this.#hasNewSummary) stream.setSummary(this.#state.summary);
    this.#hasNewSummary = false;
    do {
      await stream.send();
      this.#progress.acknowledge(stream.offsets);
      this.#options.onEvent?.({ type: "progress" });
    } while (stream.hasPending);
    this.#lastSendAt = Date.now();
    if (!stream.isStopped || this.#isStopReported) return;
    this.#isStopReported = true;
    this.#options.onEvent?.({ type: "stopRequested" });
  }

  async #finish(): Promise<void> {
    const stream = this.#stream as FileStream;
    await this.#uploads.settled();
    const rest = [...this.#endFiles].filter((path) => !this.#progress.state.uploaded.includes(path));
    if (rest.length > 0) this.#begin(() => this.#uploadFiles(rest), plural(rest.length, "file"));
    await this.#uploads.settled();
    await this.#sendLines(true);
    // A log without an exit record is of a run that was killed.
    await stream.complete(this.#exitCode ?? 1);
    if (stream.skipped > 0) {
      const text = `${plural(stream.skipped, "line")} longer than W&B accepts stayed in the log only`;
      this.#options.onEvent?.({ type: "warning", text });
    }
    this.#progress.state.isComplete = this.#exitCode !== undefined;
    this.#progress.save();
    writeFileSync(`${this.#options.logPath}.synced`, "");
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message.replaceAll("\n", " ") : String(error);
}

function resumeError(what: string): CtError {
  return new CtError({ code: "wandb/resume", what, fix: "change the options 'id' and 'resume' of the WandbLogger" });
}
