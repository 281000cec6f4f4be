import { cpus } from "node:os";

interface Look {
  /** Milliseconds that all processors spent, since boot: at work, and in all. */
  readonly busy: number;
  readonly total: number;
  /** Milliseconds of processor time of this process. */
  readonly own: number;
}

/** How many processors the machine has; in a container those of its host, which `busyProcessors` counts too. */
export function processorCount(): number {
  return cpus().length;
}

/** Watches how much of the machine is used by other processes, between one look and the next. */
export class ForeignLoad {
  #last: Look = look();

  /** How many processors others kept busy since the last call (or since it was made): 0 to the machine's number. */
  busyProcessors(): number {
    const now = look();
    const last = this.#last;
    this.#last = now;
    const elapsed = (now.total - last.total) / Math.max(1, processorCount());
    if (elapsed <= 0) return 0;
    return Math.max(0, (now.busy - last.busy - (now.own - last.own)) / elapsed);
  }
}

function look(): Look {
  let [busy, total] = [0, 0];
  for (const { times } of cpus()) {
    const working = times.user + times.nice + times.sys + times.irq;
    busy += working;
    total += working + times.idle;
  }
  const { user, system } = process.cpuUsage();
  return { busy, total, own: (user + system) / 1000 };
}
