/** Runs uploads beside everything else, a few at a time, and can be waited for. */
export class UploadQueue {
  readonly #limit: number;
  readonly #tasks = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(limit = 4) {
    this.#limit = limit;
  }

  /** Begins an upload when there is room; it must deal with its own errors. */
  add(upload: () => Promise<void>): void {
    const task = this.#run(upload).finally(() => this.#tasks.delete(task));
    task.catch(() => {});
    this.#tasks.add(task);
  }

  /** Waits for all that were added so far. */
  async settled(): Promise<void> {
    await Promise.all(this.#tasks);
  }

  async #run(upload: () => Promise<void>): Promise<void> {
    while (this.#running >= this.#limit) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      await upload();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}
