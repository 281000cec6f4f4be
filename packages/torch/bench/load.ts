import { readFileSync } from "node:fs";

interface CpuTimes {
  /** Ticks that all processors spent working, since boot. */
  readonly busy: number;
  readonly total: number;
}

function systemTimes(): CpuTimes {
  const fields = readFileSync("/proc/stat", "utf8").split("\n")[0]!.trim().split(/\s+/).slice(1).map(Number);
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = fields;
  const busy = user + nice + system + irq + softirq + steal;
  return { busy, total: busy + idle + iowait };
}

function processTicks(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}

/** Watches how much of the machine is used by others than the given processes. Linux only; elsewhere it sees nothing. */
export class ForeignLoad {
  readonly #pids: readonly number[];
  readonly #start: CpuTimes | undefined;
  readonly #own: number;

  constructor(pids: readonly number[]) {
    this.#pids = pids;
    this.#start = process.platform === "linux" ? systemTimes() : undefined;
    this.#own = this.#ownTicks();
  }

  #ownTicks(): number {
    return process.platform === "linux" ? this.#pids.reduce((sum, pid) => sum + processTicks(pid), 0) : 0;
  }

  /** The share of all processors that others used since the start, 0 to 1. */
  share(): number {
    if (this.#start === undefined) return 0;
    const now = systemTimes();
    const elapsed = now.total - this.#start.total;
    if (elapsed === 0) return 0;
    return Math.max(0, (now.busy - this.#start.busy - (this.#ownTicks() - this.#own)) / elapsed);
  }
}
