import type { Worker } from "node:worker_threads";
import { getLogger, spawnWorker } from "@classifier-training/base";
import type { SenderEvent, SenderOptions } from "./sender-options.ts";

export interface SenderWorkerData {
  readonly options: Omit<SenderOptions, "signal" | "onEvent">;
}
export type SenderRequest = { readonly type: "abort" } | { readonly type: "flush"; readonly id: number };
export type SenderMessage =
  | { readonly type: "event"; readonly event: SenderEvent }
  | { readonly type: "flushed"; readonly id: number }
  | { readonly type: "done" }
  | { readonly type: "failed"; readonly reason: string };

const log = getLogger("lightning.wandb");

/** The training thread's end of the sender: starts it, reports once what matters, waits for it at the end. */
export class SenderThread {
  readonly #worker: Worker;
  readonly #runDir: string;
  readonly #describe: (event: SenderEvent & { type: "started" }) => string;
  readonly #flushes = new Map<number, () => void>();
  readonly #ended: Promise<boolean>;
  #end!: (isComplete: boolean) => void;
  #lastProgressAt = Date.now();
  #isRetryReported = false;
  #hasEnded = false;
  #flushId = 0;
  /** The server's user has asked the run to stop. */
  stopRequested = false;

  constructor(data: SenderWorkerData, runDir: string, describe: (event: SenderEvent & { type: "started" }) => string) {
    this.#runDir = runDir;
    this.#describe = describe;
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#worker = spawnWorker(new URL("./sender-worker.ts", import.meta.url), { workerData: data });
    this.#worker.on("message", (message: SenderMessage) => this.#onMessage(message));
    this.#worker.on("error", (error) => this.#onEnd(error.message));
    this.#worker.on("exit", () => this.#onEnd("it ended early"));
    // Last, since listening would take the reference again: a process that is done must come to its end.
    this.#worker.unref();
  }

  /** Waits until all that was logged so far is sent, or nothing has moved for a while. */
  async flush(patienceMs: number): Promise<boolean> {
    if (this.#hasEnded) return false;
    const id = ++this.#flushId;
    const flushed = new Promise<boolean>((resolve) => this.#flushes.set(id, () => resolve(true)));
    this.#post({ type: "flush", id });
    return this.#wait(Promise.race([flushed, this.#ended]), patienceMs);
  }

  /** Waits until the whole run is sent, or nothing has moved for a while; then stops the thread. */
  async finish(patienceMs: number): Promise<boolean> {
    const isComplete = await this.#wait(this.#ended, patienceMs);
    if (!isComplete && !this.#hasEnded) {
      this.#post({ type: "abort" });
      this.#hasEnded = true;
      this.#sayIncomplete("the server did not answer in time");
    }
    await this.#worker.terminate();
    return isComplete;
  }

  #post(request: SenderRequest): void {
    this.#worker.postMessage(request);
  }

  async #wait(outcome: Promise<boolean>, patienceMs: number): Promise<boolean> {
    this.#lastProgressAt = Date.now();
    // The interval also keeps the process alive while it waits; the worker itself does not.
    let timer: NodeJS.Timeout | undefined;
    const impatience = new Promise<boolean>((resolve) => {
      timer = setInterval(() => {
        if (Date.now() - this.#lastProgressAt >= patienceMs) resolve(false);
      }, 50);
    });
    try {
      return await Promise.race([outcome, impatience]);
    } finally {
      clearInterval(timer);
    }
  }

  #onMessage(message: SenderMessage): void {
    if (message.type === "flushed") {
      this.#flushes.get(message.id)?.();
      this.#flushes.delete(message.id);
    } else if (message.type === "done") {
      this.#hasEnded = true;
      this.#end(true);
    } else if (message.type === "failed") this.#onEnd(message.reason);
    else this.#onEvent(message.event);
  }

  #onEvent(event: SenderEvent): void {
    if (event.type === "started") log.info(this.#describe(event));
    else if (event.type === "progress") this.#lastProgressAt = Date.now();
    else if (event.type === "warning") log.warning(`wandb: ${event.text}`);
    else if (event.type === "stopRequested") {
      this.stopRequested = true;
      log.warning("wandb: the run was asked to stop from its page");
    } else if (!this.#isRetryReported) {
      this.#isRetryReported = true;
      log.warning(`wandb: the server does not answer (${event.reason}); retrying while training continues`);
    }
  }

  #onEnd(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#sayIncomplete(reason);
    this.#end(false);
  }

  #sayIncomplete(reason: string): void {
    const why = reason.replaceAll(/\s*\n\s*/g, ", ");
    log.warning(`wandb: not everything was sent (${why}); 'classifier wandb sync ${this.#runDir}' sends the rest`);
  }
}
