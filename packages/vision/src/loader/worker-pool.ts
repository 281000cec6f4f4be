import type { Worker } from "node:worker_threads";
import { spawnWorker } from "@classifier-training/base";
import { VisionError } from "../errors.ts";
import type { Executor } from "./executor.ts";
import type { FromWorker, Ring, Task, TaskResult, ToWorker, WorkerSetup } from "./protocol.ts";

interface Pending {
  readonly resolve: (result: TaskResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Member {
  readonly worker: Worker;
  readonly progress: Int32Array<SharedArrayBuffer>;
  readonly pending: Map<number, Pending>;
  exited: boolean;
}

export interface WorkerPoolOptions {
  readonly workers: number;
  readonly setup: Omit<WorkerSetup, "progress">;
  /** What a sample is called in messages. */
  readonly nameOf: (index: number) => string;
}

/**
 * Worker threads that make samples. They do not keep the process alive while nobody waits for them; when one dies, its
 * tasks are rejected with the sample it was at, and the pool is finished.
 */
export class WorkerPool implements Executor {
  readonly #members: readonly Member[];
  readonly #nameOf: (index: number) => string;
  #ring: Ring | undefined;
  #next = 0;
  #failure: VisionError | undefined;
  #closing = false;

  constructor({ workers, setup, nameOf }: WorkerPoolOptions) {
    this.#nameOf = nameOf;
    this.#members = Array.from({ length: workers }, () => this.#start(setup));
  }

  #start(setup: Omit<WorkerSetup, "progress">): Member {
    const progress = new Int32Array(new SharedArrayBuffer(4)).fill(-1);
    const workerData: WorkerSetup = { ...setup, progress };
    const worker = spawnWorker(new URL("./worker.ts", import.meta.url), { workerData, name: "data-worker" });
    const member: Member = { worker, progress, pending: new Map(), exited: false };
    worker.on("message", (message: FromWorker) => {
      if (message.type !== "result") return;
      const waiting = member.pending.get(message.result.id);
      member.pending.delete(message.result.id);
      waiting?.resolve(message.result);
    });
    worker.on("error", (error) => this.#died(member, error));
    worker.on("exit", (code) => {
      member.exited = true;
      if (!this.#closing) this.#died(member, undefined, code);
    });
    worker.unref();
    return member;
  }

  #died(member: Member, cause: unknown, code?: number): void {
    const index = member.progress[0] as number;
    const where = index < 0 ? "before its first sample" : `at sample ${index}, ${this.#nameOf(index)}`;
    const why = cause instanceof Error ? cause.message : `exit code ${code}`;
    this.#failure ??= new VisionError({
      code: "vision/worker-died",
      what: `a data worker died: ${why}`,
      where,
      fix: "look at that sample; with num_workers=0 the error shows in the main process",
      cause,
    });
    for (const { pending } of this.#members ?? [member]) {
      for (const waiting of pending.values()) waiting.reject(this.#failure);
      pending.clear();
    }
  }

  /** Whether a worker died. */
  get broken(): boolean {
    return this.#failure !== undefined;
  }

  useRing(ring: Ring): void {
    if (ring === this.#ring) return;
    this.#ring = ring;
    for (const member of this.#members) this.#send(member, { type: "ring", ring });
  }

  submit(task: Task): Promise<TaskResult> {
    if (this.#failure) return Promise.reject(this.#failure);
    const member = this.#members[this.#next++ % this.#members.length] as Member;
    return new Promise((resolve, reject) => {
      member.pending.set(task.id, { resolve, reject });
      this.#send(member, { type: "task", task });
    });
  }

  #send({ worker }: Member, message: ToWorker): void {
    worker.postMessage(message);
  }

  hold(wanted: boolean): void {
    for (const { worker, exited } of this.#members) {
      if (exited) continue;
      if (wanted) worker.ref();
      else worker.unref();
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    const closed = new VisionError({ code: "vision/loader-closed", what: "the data loader was closed" });
    for (const { pending } of this.#members) {
      for (const waiting of pending.values()) waiting.reject(closed);
      pending.clear();
    }
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
  }
}
