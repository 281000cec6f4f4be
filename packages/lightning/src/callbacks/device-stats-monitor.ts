import { cpus, freemem, loadavg, totalmem } from "node:os";
import { memoryStats } from "@classifier-training/torch";
import { z } from "zod";
import { MisconfigurationError } from "../core/errors.ts";
import type { TrainerView } from "../core/trainer-view.ts";
import { Callback } from "./callback.ts";

export const deviceStatsMonitorOptionsSchema = z.strictObject({
  /** Log the processor's figures too; by default only when the training runs on it. */
  cpuStats: z.boolean().nullable().default(null),
});

/** Logs memory and load at the steps that are logged, under `DeviceStatsMonitor.hook/name`. */
export class DeviceStatsMonitor extends Callback {
  readonly #cpuStats: boolean | null;
  #lastCpu = process.cpuUsage();
  #lastTime = performance.now();

  constructor(options: z.input<typeof deviceStatsMonitorOptionsSchema> = {}) {
    super();
    this.#cpuStats = deviceStatsMonitorOptionsSchema.parse(options).cpuStats;
  }

  override setup(trainer: TrainerView): void {
    if (!trainer.isGlobalZero || trainer.loggers.length > 0 || trainer.fastDevRun !== false) return;
    throw new MisconfigurationError("Cannot use `DeviceStatsMonitor` callback with `Trainer(logger: false)`.");
  }

  override onTrainBatchStart(trainer: TrainerView): void {
    this.#log(trainer, "on_train_batch_start");
  }
  override onTrainBatchEnd(trainer: TrainerView): void {
    this.#log(trainer, "on_train_batch_end");
  }

  #log(trainer: TrainerView, hook: string): void {
    if (!trainer.shouldUpdateLogs) return;
    const stats = this.stats(trainer.strategy.rootDevice);
    const named = Object.entries(stats).map(([name, value]) => [`DeviceStatsMonitor.${hook}/${name}`, value] as const);
    for (const logger of trainer.loggers) logger.logMetrics(Object.fromEntries(named), trainer.loggedStep);
  }

  /** The figures now: bytes, per cent, counts. */
  stats(device: string): Record<string, number> {
    const { liveTensors, bytes } = memoryStats();
    const stats: Record<string, number> = { live_tensors: liveTensors, tensor_bytes: bytes };
    if (!(this.#cpuStats ?? device === "cpu")) return stats;
    const now = performance.now();
    const used = process.cpuUsage(this.#lastCpu);
    const share = (used.user + used.system) / 10 / Math.max(1, now - this.#lastTime);
    this.#lastCpu = process.cpuUsage();
    this.#lastTime = now;
    return {
      ...stats,
      process_cpu_percent: share,
      process_rss_bytes: process.memoryUsage.rss(),
      cpu_vm_percent: 100 * (1 - freemem() / totalmem()),
      load_per_cpu: (loadavg()[0] ?? 0) / Math.max(1, cpus().length),
    };
  }
}
