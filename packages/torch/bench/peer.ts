import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A benchmark process that answers one line of JSON to each line it is sent. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  /** What the process said of itself when it was ready. */
  description = "";

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, ...env } });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async ready(): Promise<this> {
    this.description = String((await this.#answer())["ready"]);
    return this;
  }

  /** Sends a line and waits for the milliseconds it took. */
  async measure(line: "step" | "floor"): Promise<number> {
    return Number((await this.ask(line))["ms"]);
  }

  async ask(line: string): Promise<Record<string, unknown>> {
    this.#child.stdin!.write(`${line}\n`);
    return this.#answer();
  }

  close(): void {
    this.#child.stdin!.end();
  }

  async #answer(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.next();
    if (done) throw new RangeError("the benchmark process ended");
    return JSON.parse(value) as Record<string, unknown>;
  }
}
