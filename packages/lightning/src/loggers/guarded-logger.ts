import { getLogger } from "@classifier-training/base";
import type { CheckpointSource, FinalStatus, Hyperparams, LoggedImage, LoggedTable, PlainValue } from "./logger.ts";
import { Logger } from "./logger.ts";

const log = getLogger("lightning.loggers");

/** Wraps a logger so that its failures never reach training: the first is reported, training continues. */
export class GuardedLogger extends Logger {
  readonly inner: Logger;
  #failures = 0;

  constructor(inner: Logger) {
    super();
    this.inner = inner;
    // An optional method is there only if the wrapped logger has it: callers ask with `?.`.
    for (const method of optionalMethods) if (inner[method] === undefined) Object.assign(this, { [method]: undefined });
  }

  /** Wraps a logger once. */
  static of(logger: Logger): GuardedLogger {
    return logger instanceof GuardedLogger ? logger : new GuardedLogger(logger);
  }

  /** How many calls have failed so far. */
  get failures(): number {
    return this.#failures;
  }

  get name(): string | undefined {
    return this.#try("name", () => this.inner.name);
  }
  get version(): string | number | undefined {
    return this.#try("version", () => this.inner.version);
  }
  get saveDir(): string | undefined {
    return this.#try("saveDir", () => this.inner.saveDir);
  }
  override get logDir(): string | undefined {
    return this.#try("logDir", () => this.inner.logDir);
  }
  logHyperparams(params: Hyperparams): void {
    this.#try("logHyperparams", () => this.inner.logHyperparams(params));
  }
  logMetrics(metrics: Readonly<Record<string, number>>, step: number): void {
    this.#try("logMetrics", () => this.inner.logMetrics(metrics, step));
  }
  override logImage(key: string, images: readonly LoggedImage[], step: number): void {
    this.#try("logImage", () => this.inner.logImage?.(key, images, step));
  }
  override logTable(key: string, table: LoggedTable, step: number): void {
    this.#try("logTable", () => this.inner.logTable?.(key, table, step));
  }
  override logText(key: string, text: string, step: number): void {
    this.#try("logText", () => this.inner.logText?.(key, text, step));
  }
  override logHistogram(key: string, values: ArrayLike<number>, step: number): void {
    this.#try("logHistogram", () => this.inner.logHistogram?.(key, values, step));
  }
  override logFile(path: string): void {
    this.#try("logFile", () => this.inner.logFile?.(path));
  }
  override logGraph(model: unknown): void {
    this.#try("logGraph", () => this.inner.logGraph?.(model));
  }
  override save(): void {
    this.#try("save", () => this.inner.save());
  }
  override afterSaveCheckpoint(callback: CheckpointSource): void {
    this.#try("afterSaveCheckpoint", () => this.inner.afterSaveCheckpoint?.(callback));
  }
  override stateDict(): Record<string, PlainValue> {
    return this.#try("stateDict", () => this.inner.stateDict?.()) ?? {};
  }
  override loadStateDict(state: Readonly<Record<string, PlainValue>>): void {
    this.#try("loadStateDict", () => this.inner.loadStateDict?.(state));
  }
  async finalize(status: FinalStatus): Promise<void> {
    try {
      await this.inner.finalize(status);
    } catch (error) {
      this.#report("finalize", error);
    }
  }

  override get stopRequested(): boolean {
    return this.#try("stopRequested", () => this.inner.stopRequested) ?? false;
  }
  override async close(exitCode?: number): Promise<void> {
    try {
      await this.inner.close?.(exitCode);
    } catch (error) {
      this.#report("close", error);
    }
  }

  #try<T>(method: string, call: () => T): T | undefined {
    try {
      const result = call();
      if (result instanceof Promise) result.catch((error: unknown) => this.#report(method, error));
      return result;
    } catch (error) {
      this.#report(method, error);
      return undefined;
    }
  }

  #report(method: string, error: unknown): void {
    if (this.#failures++ > 0) return;
    const reason = error instanceof Error ? error.message : String(error);
    log.warning(`${this.inner.constructor.name}.${method} failed, training continues without it: ${reason}`);
  }
}

const optionalMethods = [
  "logImage",
  "logTable",
  "logText",
  "logHistogram",
  "logFile",
  "logGraph",
  "afterSaveCheckpoint",
  "stateDict",
  "loadStateDict",
] as const;
