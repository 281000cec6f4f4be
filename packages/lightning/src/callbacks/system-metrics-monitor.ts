import { join } from "node:path";
import { getLogger, parseOptions } from "@classifier-training/base";
import { MetricsWriter, runPaths } from "@classifier-training/runs";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { type SystemSample, SystemSampler } from "../utilities/system-sampler.ts";

const log = getLogger("lightning.system_metrics");

export const systemMetricsMonitorOptionsSchema = z.strictObject({
  everySeconds: z.number().positive().default(5).describe("seconds between two samples, taken at the end of a batch"),
  path: z.string().nullable().default(null).describe("the table; by default `system.csv` in the trainer's root folder"),
});

/** The first sample, in seconds: a short training has one, too. */
const firstAfterS = 1;

/**
 * Notes by the clock how the machine and the data keep up, in a small table of its own: `process_memory_mb`,
 * `memory_percent`, `cpu_percent` (of all cores), `images_per_second` and `data_wait_percent` of the training batches since
 * the last sample, and of NVIDIA GPUs `gpu_N_percent` and `gpu_N_memory_mb`. What cannot be sampled or written is left out.
 */
export class SystemMetricsMonitor extends Callback {
  readonly #options: z.infer<typeof systemMetricsMonitorOptionsSchema>;
  readonly #sampler = new SystemSampler();
  #writer: MetricsWriter | undefined;
  #nextMs = Number.POSITIVE_INFINITY;
  #isBusy = false;
  /** Where training stood after the last sample or validation. */
  #mark = { ms: 0, images: 0, waitMs: 0 };

  constructor(options: z.input<typeof systemMetricsMonitorOptionsSchema> = {}) {
    super();
    this.#options = parseOptions("SystemMetricsMonitor", systemMetricsMonitorOptionsSchema, options);
  }

  override get reportsOnly(): boolean {
    return true;
  }

  override get rankZeroOnly(): boolean {
    return true;
  }

  override onTrainStart({ fastDevRun }: TrainerView): void {
    if (fastDevRun !== false) return;
    this.#nextMs = performance.now() + 1000 * Math.min(firstAfterS, this.#options.everySeconds);
  }
  override onTrainEpochStart(trainer: TrainerView): void {
    this.#setMark(trainer);
  }
  override onValidationEnd(trainer: TrainerView): void {
    this.#setMark(trainer);
  }
  override onTrainBatchEnd(trainer: TrainerView): void {
    if (performance.now() < this.#nextMs) return;
    const speed = this.#speed(trainer);
    this.#setMark(trainer);
    this.#sample(trainer, speed);
  }
  override onValidationBatchEnd(trainer: TrainerView): void {
    if (performance.now() >= this.#nextMs) this.#sample(trainer, {});
  }
  override onTrainEnd(): void {
    this.#nextMs = Number.POSITIVE_INFINITY;
    this.#writer?.close();
  }

  #setMark({ trainLoaderStats: { images, waitMs } }: TrainerView): void {
    this.#mark = { ms: performance.now(), images, waitMs };
  }

  #speed({ trainLoaderStats }: TrainerView): Record<string, number> {
    const { ms, images, waitMs } = this.#mark;
    const passedMs = performance.now() - ms;
    const done = trainLoaderStats.images - images;
    // The loader counts anew in each epoch.
    if (passedMs <= 0 || done <= 0) return {};
    return {
      images_per_second: (1000 * done) / passedMs,
      data_wait_percent: Math.min(100, Math.max(0, (100 * (trainLoaderStats.waitMs - waitMs)) / passedMs)),
    };
  }

  #sample({ loggedStep: step, defaultRootDir }: TrainerView, speed: Record<string, number>): void {
    this.#nextMs = performance.now() + 1000 * this.#options.everySeconds;
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#sampler
      .sampleWithGpus()
      .then((sample) => {
        this.#writer ??= new MetricsWriter(this.#options.path ?? join(defaultRootDir, runPaths.system));
        this.#writer.append(rounded({ time: Date.now() / 1000, step, ...named(sample), ...speed }));
      })
      .catch((error: Error) => {
        this.#nextMs = Number.POSITIVE_INFINITY;
        log.warning(`no more figures of the machine are noted: ${error.message}`);
      })
      .finally(() => {
        this.#isBusy = false;
      });
  }
}

const names: Readonly<Record<string, string>> = {
  cpu: "cpu_percent",
  memory_percent: "memory_percent",
  "proc.memory.rssMB": "process_memory_mb",
};

function named(sample: SystemSample): Record<string, number> {
  const own = Object.entries(names).flatMap(([from, to]): [string, number][] =>
    sample[from] === undefined ? [] : [[to, sample[from]]],
  );
  const gpus = Object.entries(sample).flatMap(([name, value]): [string, number][] => {
    const [, index, figure] = /^gpu\.(\d+)\.(gpu|memoryAllocatedBytes)$/.exec(name) ?? [];
    if (figure === undefined) return [];
    return figure === "gpu" ? [[`gpu_${index}_percent`, value]] : [[`gpu_${index}_memory_mb`, value / 2 ** 20]];
  });
  return Object.fromEntries([...own, ...gpus]);
}

function rounded(row: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Math.round(value * 1000) / 1000]));
}
