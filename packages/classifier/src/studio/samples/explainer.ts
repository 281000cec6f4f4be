import { type ChildProcess, fork } from "node:child_process";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { CtError } from "@classifier-training/base";

/** What the process is asked for. */
export interface ExplainTask {
  readonly id: number;
  /** A run directory. */
  readonly run: string;
  /** An encoded image, base64. */
  readonly image: string;
  readonly className: string;
}

export type ExplainAnswer = { readonly id: number } & ({ readonly png: string } | { readonly problem: string });

interface Waiting {
  readonly key: string;
  readonly task: ExplainTask;
  readonly resolve: (png: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

const maxKept = 200;
/** So long the process stays with its checkpoint open when nobody asks. */
const idleMs = 60_000;

/**
 * Grad-CAM in a process of its own, which has LibTorch: one image at a time, and what was computed is kept. The process is
 * started by the first image, and ends when nobody has asked for a while.
 */
export class Explainer {
  readonly #kept = new Map<string, Uint8Array>();
  readonly #waiting: Waiting[] = [];
  #child: ChildProcess | undefined;
  #running: Waiting | undefined;
  #tasks = 0;
  #idle: NodeJS.Timeout | undefined;

  /**
   * @param version of the run: what was kept of another one is not used
   * @param signal ends the waiting of who has gone
   * @returns a PNG
   * @throws CtError where there is no LibTorch, no checkpoint, or no such class
   */
  explain(
    run: string,
    version: string,
    image: Uint8Array,
    className: string,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const key = [run, version, createHash("sha256").update(image).digest("hex"), className].join("\n");
    const kept = this.#kept.get(key);
    if (kept !== undefined) return Promise.resolve(kept);
    const task = { id: this.#tasks++, run, image: Buffer.from(image).toString("base64"), className };
    return new Promise((resolve, reject) => {
      const waiting = { key, task, resolve, reject };
      this.#waiting.push(waiting);
      signal.addEventListener("abort", () => {
        const at = this.#waiting.indexOf(waiting);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(failure("nobody waits for it any more"));
      });
      this.#next();
    });
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#child?.kill();
  }

  #next(): void {
    clearTimeout(this.#idle);
    if (this.#running !== undefined) return;
    this.#running = this.#waiting.shift();
    if (this.#running === undefined) {
      this.#idle = setTimeout(() => this.#child?.kill(), idleMs);
      this.#idle.unref();
      return;
    }
    this.#child ??= this.#start();
    this.#child.send(this.#running.task);
  }

  #start(): ChildProcess {
    const child = startWorker();
    let errors = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      errors = `${errors}${text}`.slice(-4000);
    });
    child.on("message", (answer: ExplainAnswer) => {
      const running = this.#running;
      if (running === undefined || running.task.id !== answer.id) return;
      this.#running = undefined;
      if ("png" in answer) this.#keep(running, Buffer.from(answer.png, "base64"));
      else running.reject(failure(answer.problem));
      this.#next();
    });
    const ended = (why: string) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#running?.reject(failure(why));
      this.#running = undefined;
      this.#next();
    };
    child.on("error", (error) => ended(error.message));
    child.on("exit", () => ended(reasonIn(errors)));
    child.unref();
    child.channel?.unref();
    return child;
  }

  #keep({ key, resolve }: Waiting, png: Uint8Array): void {
    this.#kept.set(key, png);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > maxKept && oldest !== undefined) this.#kept.delete(oldest);
    resolve(png);
  }
}

function failure(what: string): CtError {
  return new CtError({ code: "samples/explain", what });
}

/** Of a process that could not start: the sentence of the error, such as that there is no LibTorch. */
function reasonIn(errors: string): string {
  const [, sentence] = /Error: ([\s\S]*?)\n\s+at /.exec(errors) ?? [];
  return sentence ?? "the process that computes Grad-CAM has ended; `classifier doctor` says whether LibTorch is there";
}

/** In the package the module is built; from source (tests) it needs tsx. */
function startWorker(): ChildProcess {
  const isSource = import.meta.url.endsWith(".ts");
  const module = fileURLToPath(new URL("./explain-worker.ts", import.meta.url));
  const execArgv = isSource ? ["--conditions=classifier-source", "--import", import.meta.resolve("tsx")] : [];
  return fork(isSource ? module : module.replace(/\.ts$/, ".js"), {
    execArgv,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
}
