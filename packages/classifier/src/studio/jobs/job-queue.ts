import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CtError, shellWord } from "@classifier-training/base";
import { archiveName, type Job, type JobKind, type JobsState } from "@classifier-training/dashboard";
import type { Run } from "@classifier-training/runs";
import { startCommand } from "./command-process.ts";
import { dataVersion, notesFolder } from "./data-version.ts";
import { logBeginning, logEnd, problemIn, progressIn } from "./job-log.ts";
import { type JobPlaces, jobOptionsOf, wordsOf } from "./job-options.ts";
import { isJobAlive, keyOfRun, runOfJob } from "./job-run.ts";
import { type JobRecord, JobStore } from "./job-store.ts";

const pollMs = 400;
/** The data is looked at less often. */
const pollsPerLook = 5;
/** A job that was asked to end has this long; a training saves first. */
const graceMs = { train: 60_000, other: 5000 };

/** The command's exit codes for a check that found problems: that is its result. */
const problemsFound = 2;
const interruptedCodes = [130, 143];

/**
 * The jobs of a data folder: one runs, the others wait in line. They are processes that write into files, so that a job
 * outlives a page, and a training this process, too: the next one finds it again.
 */
export class JobQueue {
  readonly #data: string;
  readonly #runs: string;
  readonly #store: JobStore;
  #jobs: JobRecord[];
  readonly #ending = new Set<string>();
  readonly #progress = new Map<string, Job["progress"]>();
  readonly #listeners = new Set<() => void>();
  readonly #timer: NodeJS.Timeout;
  #version: string;
  #polls = 0;
  #child: ChildProcess | undefined;
  #isClosed = false;

  constructor({ data, runs }: Pick<JobPlaces, "data" | "runs">) {
    this.#data = data;
    this.#runs = runs;
    this.#store = new JobStore(join(notesFolder(data), "jobs"));
    this.#version = dataVersion(data);
    this.#jobs = this.#store.read();
    for (const job of this.#jobs) {
      if (job.status === "queued") this.#change(job, { status: "canceled", finishedAt: now() });
      if (job.status === "running" && !isJobAlive(this.#runs, job)) this.#ended(job, undefined);
    }
    this.#timer = setInterval(() => this.#look(), pollMs);
    this.#timer.unref();
  }

  get state(): JobsState {
    return {
      folder: wordsOf("check", {}, this.#places(""))[2] as string,
      jobs: this.#jobs.map((job) => this.#shown(job)).reverse(),
    };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Puts a job in line. @throws CtError for options that it does not have */
  add(kind: JobKind, given: unknown): Job {
    const options = jobOptionsOf(kind, given);
    const same = this.#jobs.find(
      (job) => isOpen(job) && job.kind === kind && JSON.stringify(job.options) === JSON.stringify(options),
    );
    if (same !== undefined) return this.#shown(same);
    const id = `${Date.now().toString(36)}-${randomBytes(3).toString("hex")}`;
    const words = wordsOf(kind, options, this.#places(id));
    const job: JobRecord = { id, kind, options, words, status: "queued", createdAt: now() };
    this.#jobs.push(job);
    this.#store.write(job);
    for (const { id: old } of this.#store.surplus(this.#jobs)) this.#forget(old);
    this.#next();
    this.#notify();
    return this.#shown(job);
  }

  /** Ends a job that runs or waits; of one that has ended, deletes what it left. A second time, it is ended at once. */
  end(id: string): void {
    const job = this.#find(id);
    if (!isOpen(job)) this.#forget(id);
    else if (job.status === "queued") this.#change(job, { status: "canceled", finishedAt: now() });
    else if (job.pid !== undefined) this.#signal(job, job.pid);
    this.#notify();
  }

  result(id: string): string {
    const path = this.#store.result(this.#find(id).id);
    if (existsSync(path)) return path;
    throw new CtError({ code: "studio/result", what: "this job has no result", fix: "run it again" });
  }

  /** The archive that an export made. */
  archive(id: string): { readonly path: string; readonly name: string } {
    const job = this.#find(id);
    const path = `${this.#store.bundle(id)}.zip`;
    if (job.kind !== "export" || !existsSync(path))
      throw new CtError({ code: "studio/result", what: "this job made no archive", fix: "export the run again" });
    return { path, name: archiveName(job.options.runs?.[0] ?? id) };
  }

  log(id: string): string {
    return logEnd(this.#store.log(this.#find(id).id), 65_536);
  }

  /** What a job wrote first. */
  beginning(id: string): string {
    return logBeginning(this.#store.log(this.#find(id).id));
  }

  /** The training that runs now; it continues when this process ends. */
  get training(): Job | undefined {
    const job = this.#jobs.find(({ kind, status }) => kind === "train" && status === "running");
    return job && this.#shown(job);
  }

  /** Ends what cannot continue alone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#timer);
    for (const job of this.#jobs) {
      if (job.status === "queued") this.#change(job, { status: "canceled", finishedAt: now() });
      if (job.status !== "running" || job.kind === "train" || job.pid === undefined) continue;
      this.#signal(job, job.pid);
      this.#change(job, { status: "canceled", finishedAt: now() });
    }
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || this.training !== undefined) return;
    await new Promise((resolve) => {
      const timer = setTimeout(() => child.kill("SIGKILL"), graceMs.other);
      child.once("exit", () => {
        clearTimeout(timer);
        resolve(undefined);
      });
    });
  }

  #places(id: string): JobPlaces {
    return { data: this.#data, runs: this.#runs, result: this.#store.result(id), bundle: this.#store.bundle(id) };
  }

  #find(id: string): JobRecord {
    const job = this.#jobs.find((one) => one.id === id);
    if (job === undefined) throw new CtError({ code: "studio/job", what: "there is no such job", where: id });
    return job;
  }

  /** Starts the job that has waited longest, unless one runs. */
  #next(): void {
    if (this.#isClosed || this.#jobs.some(({ status }) => status === "running")) return;
    const job = this.#jobs.find(({ status }) => status === "queued");
    if (job === undefined) return;
    const result = this.#store.result(job.id);
    rmSync(result, { force: true });
    const words = job.kind === "train" ? job.words : [...job.words, "--json", result];
    const child = startCommand(words, { log: this.#store.log(job.id), outlives: job.kind === "train" });
    this.#child = child;
    this.#version = dataVersion(this.#data);
    const { pid } = child;
    this.#change(job, {
      status: "running",
      startedAt: now(),
      dataVersion: this.#version,
      ...(pid !== undefined && { pid }),
    });
    const end = (code: number | null) => {
      if (this.#child === child) this.#child = undefined;
      if (job.status === "running") this.#ended(job, code);
    };
    child.once("exit", end);
    child.once("error", () => end(null));
  }

  /** @param code undefined where another process has started it */
  #ended(job: JobRecord, code: number | null | undefined): void {
    const run = runOfJob(this.#runs, job, true);
    const isWanted = this.#ending.delete(job.id);
    const status = statusOf(job, code, run, isWanted, existsSync(this.#store.result(job.id)));
    this.#change(job, {
      status,
      finishedAt: now(),
      ...(run !== undefined && { run: keyOfRun(this.#runs, run) }),
      ...(status === "failed" && { problem: problemIn(logEnd(this.#store.log(job.id))) }),
    });
    this.#progress.delete(job.id);
    this.#next();
    this.#notify();
  }

  #signal(job: JobRecord, pid: number): void {
    const isSecond = this.#ending.has(job.id);
    this.#ending.add(job.id);
    const isTraining = job.kind === "train";
    send(pid, isSecond ? "SIGKILL" : isTraining ? "SIGINT" : "SIGTERM");
    const timer = setTimeout(
      () => {
        if (this.#ending.has(job.id)) send(pid, "SIGKILL");
      },
      isTraining ? graceMs.train : graceMs.other,
    );
    timer.unref();
  }

  #look(): void {
    const running = this.#jobs.find(({ status }) => status === "running");
    if (running !== undefined) this.#lookAt(running);
    if (this.#polls++ % pollsPerLook !== 0) return;
    const version = dataVersion(this.#data);
    if (version === this.#version) return;
    this.#version = version;
    this.#notify();
  }

  #lookAt(job: JobRecord): void {
    // Those of this process say when they end.
    if (this.#child?.pid !== job.pid && !isJobAlive(this.#runs, job)) {
      this.#ended(job, undefined);
      return;
    }
    const progress = progressIn(logEnd(this.#store.log(job.id)));
    const isNew = JSON.stringify(progress) !== JSON.stringify(this.#progress.get(job.id));
    this.#progress.set(job.id, progress);
    const run = job.run === undefined ? runOfJob(this.#runs, job, false) : undefined;
    if (run !== undefined) this.#change(job, { run: keyOfRun(this.#runs, run) });
    if (isNew || run !== undefined) this.#notify();
  }

  #change(job: JobRecord, fields: Partial<JobRecord>): void {
    Object.assign(job, fields);
    this.#store.write(job);
  }

  #forget(id: string): void {
    this.#jobs = this.#jobs.filter((job) => job.id !== id);
    this.#store.remove(id);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }

  #shown(job: JobRecord): Job {
    const { id, kind, options, words, status, createdAt, startedAt, finishedAt, problem, run } = job;
    const progress = this.#progress.get(id);
    return {
      id,
      kind,
      options,
      command: ["classifier", ...words].map(shellWord).join(" "),
      status,
      createdAt,
      isStale: job.dataVersion !== undefined && job.dataVersion !== this.#version,
      hasResult: status === "done" && existsSync(this.#store.result(id)),
      ...(startedAt !== undefined && { startedAt }),
      ...(finishedAt !== undefined && { finishedAt }),
      ...(this.#ending.has(id) && { isEnding: true }),
      ...(progress !== undefined && status === "running" && { progress }),
      ...(problem !== undefined && {
        error: { what: problem.what, ...(problem.fix !== undefined && { fix: problem.fix }) },
      }),
      ...(status === "running" && job.pid !== undefined && { pid: job.pid }),
      ...(run !== undefined && { run }),
    };
  }
}

function isOpen({ status }: JobRecord): boolean {
  return status === "queued" || status === "running";
}

function statusOf(
  { kind }: JobRecord,
  code: number | null | undefined,
  run: Run | undefined,
  isWanted: boolean,
  hasResult: boolean,
): JobRecord["status"] {
  if (kind === "train") {
    if (code === 0 || run?.status === "success") return "done";
    if (run?.status === "interrupted" || interruptedCodes.includes(code ?? 0)) return "stopped";
    return isWanted ? "canceled" : "failed";
  }
  const isDone = code === undefined || code === 0 || (kind === "check" && code === problemsFound);
  if (hasResult && isDone) return "done";
  return isWanted ? "canceled" : "failed";
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

const now = () => new Date().toISOString();
