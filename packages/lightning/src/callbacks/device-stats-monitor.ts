import { readFileSync } from "node:fs";
import { cpus, freemem, loadavg, totalmem } from "node:os";
import { getLogger, parseOptions } from "@classifier-training/base";
import { memoryStats } from "@classifier-training/torch";
import { z } from "zod";
import { Callback } from "../core/callback.ts";
import type { LightningModule } from "../core/module.ts";
import type { TrainerFn, TrainerView } from "../core/trainer-view.ts";
import { MisconfigurationError } from "../utilities/errors.ts";

const log = getLogger("lightning.device_stats");

export const deviceStatsMonitorOptionsSchema = z.strictObject({
  /** Log the processor's figures: by default when the training runs on it, with true always, with false never. */
  cpuStats: z.boolean().nullable().default(null),
  /** The figures to log; by default all. */
  filterKeys: z
    .union([z.array(z.string()), z.set(z.string()).transform((keys) => [...keys])])
    .nullable()
    .default(null),
});

/** Logs memory and load at the steps that are logged, under `DeviceStatsMonitor.hook/name`. */
export class DeviceStatsMonitor extends Callback {
  readonly #options: z.infer<typeof deviceStatsMonitorOptionsSchema>;
  readonly #process = new ProcessLoad();
  readonly #machine = new MachineLoad();

  constructor(options: z.input<typeof deviceStatsMonitorOptionsSchema> = {}) {
    super();
    this.#options = parseOptions("DeviceStatsMonitor", deviceStatsMonitorOptionsSchema, options);
  }

  override get reportsOnly(): boolean {
    return true;
  }

  override setup(trainer: TrainerView, _module: LightningModule, stage: TrainerFn): void {
    if (stage !== "fit") return;
    if (trainer.isGlobalZero && trainer.loggers.length === 0 && trainer.fastDevRun === false) {
      throw new MisconfigurationError("Cannot use `DeviceStatsMonitor` callback with `Trainer(logger: false)`.");
    }
    const known = Object.keys(this.stats(trainer.strategy.rootDevice));
    const unknown = (this.#options.filterKeys ?? []).filter((key) => !known.includes(key));
    if (unknown.length > 0) {
      log.warning(
        `\`DeviceStatsMonitor\` has no figures named ${unknown.join(", ")} to filter by: there are ${known.join(", ")}`,
      );
    }
  }

  override onTrainBatchStart(trainer: TrainerView): void {
    this.#log(trainer, "on_train_batch_start");
  }
  override onTrainBatchEnd(trainer: TrainerView): void {
    this.#log(trainer, "on_train_batch_end");
  }

  #log(trainer: TrainerView, hook: string): void {
    if (!trainer.shouldUpdateLogs) return;
    const { filterKeys } = this.#options;
    const named = Object.entries(this.stats(trainer.strategy.rootDevice))
      .filter(([name]) => filterKeys === null || filterKeys.includes(name))
      .map(([name, value]) => [`DeviceStatsMonitor.${hook}/${name}`, value] as const);
    if (named.length === 0) return;
    for (const logger of trainer.loggers) logger.logMetrics(Object.fromEntries(named), trainer.loggedStep);
  }

  /** The figures now: bytes, per cent, counts. */
  stats(device: string): Record<string, number> {
    const { cpuStats } = this.#options;
    if (device === "cpu" && cpuStats === false) return {};
    const { liveTensors, bytes } = memoryStats();
    const stats: Record<string, number> = { live_tensors: liveTensors, tensor_bytes: bytes };
    if (!(cpuStats ?? device === "cpu")) return stats;
    return {
      ...stats,
      cpu_percent: this.#machine.percent(),
      cpu_vm_percent: 100 * (1 - freemem() / totalmem()),
      cpu_swap_percent: swapPercent(),
      process_cpu_percent: this.#process.percent(),
      process_rss_bytes: process.memoryUsage.rss(),
      load_per_cpu: (loadavg()[0] ?? 0) / Math.max(1, cpus().length),
    };
  }
}

/** How much of a processor this process has used since it was last asked: above 100 with several threads. */
class ProcessLoad {
  #cpu = process.cpuUsage();
  #time = performance.now();

  percent(): number {
    const now = performance.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    const percent = (user + system) / 10 / Math.max(1, now - this.#time);
    this.#cpu = process.cpuUsage();
    this.#time = now;
    return percent;
  }
}

/** How busy all processors together were since it was last asked. */
class MachineLoad {
  #last = this.#times();

  #times(): { busy: number; all: number } {
    let [busy, all] = [0, 0];
    for (const { times } of cpus()) {
      const sum = Object.values(times).reduce((total, value) => total + value, 0);
      all += sum;
      busy += sum - times.idle;
    }
    return { busy, all };
  }

  percent(): number {
    const now = this.#times();
    const percent = (100 * (now.busy - this.#last.busy)) / Math.max(1, now.all - this.#last.all);
    this.#last = now;
    return percent;
  }
}

/** Of Linux; 0 elsewhere. */
function swapPercent(): number {
  try {
    const text = readFileSync("/proc/meminfo", "utf8");
    const [total, free] = ["SwapTotal", "SwapFree"].map((name) =>
      Number(new RegExp(`${name}: *(\\d+)`).exec(text)?.[1] ?? 0),
    ) as [number, number];
    return total === 0 ? 0 : 100 * (1 - free / total);
  } catch {
    return 0;
  }
}
