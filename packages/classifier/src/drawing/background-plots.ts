import type { Worker } from "node:worker_threads";
import { spawnWorker } from "@classifier-training/base";
import type { Plot } from "./plots.ts";

/** What the worker is asked for. */
export interface PlotTask {
  readonly id: number;
  readonly plot: Plot;
  /** The PNG file. */
  readonly path: string;
}

type PlotResult = { readonly id: number } & ({ readonly png: Uint8Array } | { readonly error: unknown });

interface Waiting {
  readonly resolve: (png: Buffer) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread for all plots of the process. It does not keep the process alive unless a plot is being made. */
let worker: Worker | undefined;
const waiting = new Map<number, Waiting>();
let tasks = 0;

function startWorker(): Worker {
  const started = spawnWorker(new URL("./plot-worker.ts", import.meta.url));
  const fail = (error: unknown) => {
    if (worker === started) worker = undefined;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  started.on("message", (result: PlotResult) => {
    const task = waiting.get(result.id);
    waiting.delete(result.id);
    if (waiting.size === 0) started.unref();
    if ("png" in result) task?.resolve(Buffer.from(result.png));
    else task?.reject(result.error);
  });
  started.on("error", fail);
  started.on("exit", (code) => fail(new Error(`the thread that makes plots ended with code ${code}`)));
  return started;
}

function drawInWorker(plot: Plot, path: string): Promise<Buffer> {
  worker ??= startWorker();
  const thread = worker;
  const id = tasks++;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    thread.ref();
    thread.postMessage({ id, plot, path } satisfies PlotTask);
  });
}

interface Wanted {
  readonly plot: Plot;
  readonly path: string;
  /** Called with the PNG file when it is written. */
  readonly made: ((png: Buffer) => void) | undefined;
}

/** Plots that a callback makes while training continues: in another thread, which writes the files, too. */
export class BackgroundPlots {
  readonly #running = new Map<string, Promise<void>>();
  /** Newer plots for files that are being written: of several for one file the last one is made. */
  readonly #next = new Map<string, Wanted>();
  #failures: unknown[] = [];

  add(plot: Plot, path: string, made?: (png: Buffer) => void): void {
    const wanted = { plot, path, made };
    if (this.#running.has(path)) this.#next.set(path, wanted);
    else this.#start(wanted);
  }

  #start({ plot, path, made }: Wanted): void {
    const done = drawInWorker(plot, path)
      .then(made)
      .catch((error: unknown) => void this.#failures.push(error))
      .then(() => {
        this.#running.delete(path);
        const next = this.#next.get(path);
        this.#next.delete(path);
        if (next !== undefined) this.#start(next);
      });
    this.#running.set(path, done);
  }

  /** Waits for all of them. @throws what the first one that failed has failed with */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
    const [failure] = this.#failures;
    this.#failures = [];
    if (failure !== undefined) throw failure;
  }
}
