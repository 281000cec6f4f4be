import { cpus } from "node:os";

interface Sample {
  /** CPU time of all processors since boot, in milliseconds: busy, and in all. */
  readonly busy: number;
  readonly total: number;
  /** CPU time of the processes that do not count as others, in milliseconds. */
  readonly own: number;
}

/** How many processors the machine has; in a container those of its host, whose load is measured too. */
export function processorCount(): number {
  return cpus().length;
}

function cpuMsOfThisProcess(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Measures how much of the machine other processes use, between one call and the next. */
export class OtherProcessCpuLoad {
  readonly #ownCpuMs: () => number;
  #last: Sample;

  /** @param ownCpuMs CPU time so far, in milliseconds, of the processes that do not count as others; by default this one */
  constructor(ownCpuMs: () => number = cpuMsOfThisProcess) {
    this.#ownCpuMs = ownCpuMs;
    this.#last = this.#sample();
  }

  /** How many processors others kept busy since the last call (or the construction): 0 to the machine's number. */
  busyProcessors(): number {
    const now = this.#sample();
    const last = this.#last;
    this.#last = now;
    const elapsed = (now.total - last.total) / Math.max(1, processorCount());
    if (elapsed <= 0) return 0;
    return Math.max(0, (now.busy - last.busy - (now.own - last.own)) / elapsed);
  }

  #sample(): Sample {
    let [busy, total] = [0, 0];
    for (const { times } of cpus()) {
      const working = times.user + times.nice + times.sys + times.irq;
      busy += working;
      total += working + times.idle;
    }
    return { busy, total, own: this.#ownCpuMs() };
  }
}
