import { readFileSync } from "node:fs";
import { OtherProcessCpuLoad, processorCount } from "../src/other-process-cpu-load.ts";

const msPerTick = 10;

/** CPU time of a process, in milliseconds; 0 where there is no /proc. */
function cpuMsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
    return msPerTick * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return 0;
  }
}

/** Measures the fraction (0 to 1) of the machine that processes other than the given ones use, from now to the call. */
export function otherProcessCpuFraction(pids: readonly number[]): () => number {
  const load = new OtherProcessCpuLoad(() => pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0));
  return () => (process.platform === "linux" ? load.busyProcessors() / processorCount() : 0);
}
