import type { Executor } from "./executor.ts";
import type { Ring, Task, TaskResult, WorkerSetup } from "./protocol.ts";
import { SampleMaker } from "./sample-maker.ts";

/** Performs tasks in the calling thread (`numWorkers: 0`). */
export class InlineExecutor implements Executor {
  readonly #maker: Promise<SampleMaker>;
  #queue: Promise<unknown> = Promise.resolve();
  #ring: Ring | undefined;

  constructor(setup: WorkerSetup) {
    this.#maker = SampleMaker.create(setup);
    // Reported by the first task.
    this.#maker.catch(() => {});
  }

  useRing(ring: Ring): void {
    this.#ring = ring;
  }

  submit(task: Task): Promise<TaskResult> {
    const result = this.#queue.then(async () => {
      const maker = await this.#maker;
      if (this.#ring) maker.useRing(this.#ring);
      return maker.perform(task);
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  hold(): void {}

  async close(): Promise<void> {
    await this.#queue;
  }
}
