import { execFile } from "node:child_process";
import { readdirSync, readFileSync, statfsSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";

export type SystemSample = Record<string, number>;

/** Samples of the machine and of this process, under W&B's names (without the `system.` prefix). */
export class SystemSampler {
  #cpu = process.cpuUsage();
  #at = process.hrtime.bigint();
  #diskStart: { readonly read: number; readonly written: number } | undefined;
  #networkStart: { readonly sent: number; readonly received: number } | undefined;
  #hasGpu: boolean | undefined;

  /** What can be read without waiting: CPU, memory, disk, network. */
  sample(): SystemSample {
    const result: SystemSample = {};
    const cpu = process.cpuUsage(this.#cpu);
    const now = process.hrtime.bigint();
    const elapsedUs = Number(now - this.#at) / 1000;
    if (elapsedUs > 0) result["cpu"] = round(((cpu.user + cpu.system) / elapsedUs / cpus().length) * 100);
    this.#cpu = process.cpuUsage();
    this.#at = now;
    const total = totalmem();
    const available = availableMemory();
    const rss = process.memoryUsage.rss();
    result["memory_percent"] = round((1 - available / total) * 100);
    result["proc.memory.rssMB"] = round(rss / 2 ** 20);
    result["proc.memory.availableMB"] = round(available / 2 ** 20);
    result["proc.memory.percent"] = round((rss / total) * 100);
    result["proc.cpu.threads"] = threadCount();
    this.#addDisk(result);
    this.#addNetwork(result);
    return result;
  }

  /** As `sample`, with the NVIDIA GPUs, where `nvidia-smi` knows any. */
  async sampleWithGpus(): Promise<SystemSample> {
    const result = this.sample();
    if (this.#hasGpu !== false) Object.assign(result, await this.#gpus());
    return result;
  }

  #addDisk(result: SystemSample): void {
    try {
      const { blocks, bfree, bsize } = statfsSync("/");
      result["disk./.usagePercent"] = round(((blocks - bfree) / blocks) * 100);
      result["disk./.usageGB"] = round(((blocks - bfree) * bsize) / 2 ** 30);
    } catch {}
    const counters = diskCounters();
    if (counters === undefined) return;
    this.#diskStart ??= counters;
    result["disk.in"] = round((counters.read - this.#diskStart.read) / 2 ** 20);
    result["disk.out"] = round((counters.written - this.#diskStart.written) / 2 ** 20);
  }

  #addNetwork(result: SystemSample): void {
    const counters = networkCounters();
    if (counters === undefined) return;
    this.#networkStart ??= counters;
    result["network.sent"] = counters.sent - this.#networkStart.sent;
    result["network.recv"] = counters.received - this.#networkStart.received;
  }

  async #gpus(): Promise<SystemSample> {
    const fields =
      "index,utilization.gpu,utilization.memory,memory.used,memory.total,temperature.gpu,power.draw,power.limit";
    const text = await new Promise<string>((resolve) => {
      const args = [`--query-gpu=${fields}`, "--format=csv,noheader,nounits"];
      execFile("nvidia-smi", args, { timeout: 5000 }, (error, stdout) => resolve(error === null ? stdout : ""));
    });
    this.#hasGpu = text.trim() !== "";
    return parseGpus(text);
  }
}

/** Samples from the output of `nvidia-smi --query-gpu` (fields as in `SystemSampler`). */
export function parseGpus(csv: string): SystemSample {
  const result: SystemSample = {};
  for (const line of csv.split("\n")) {
    const cells = line.split(",").map((cell) => Number.parseFloat(cell));
    const [index, gpu, memory, used, total, temperature, power, limit] = cells;
    if (index === undefined || Number.isNaN(index)) continue;
    const set = (name: string, value: number | undefined) => {
      if (value !== undefined && Number.isFinite(value)) result[`gpu.${index}.${name}`] = round(value);
    };
    set("gpu", gpu);
    set("memory", memory);
    set("memoryAllocated", ((used ?? Number.NaN) / (total ?? Number.NaN)) * 100);
    set("memoryAllocatedBytes", (used ?? Number.NaN) * 2 ** 20);
    set("temp", temperature);
    set("powerWatts", power);
    set("powerPercent", ((power ?? Number.NaN) / (limit ?? Number.NaN)) * 100);
  }
  return result;
}

function availableMemory(): number {
  const kib = /^MemAvailable:\s+(\d+)/m.exec(readText("/proc/meminfo") ?? "")?.[1];
  return kib === undefined ? freemem() : Number(kib) * 1024;
}

function threadCount(): number {
  try {
    return readdirSync("/proc/self/task").length;
  } catch {
    return 1;
  }
}

function diskCounters(): { read: number; written: number } | undefined {
  const text = readText("/proc/diskstats");
  if (text === undefined) return undefined;
  let read = 0;
  let written = 0;
  for (const line of text.split("\n")) {
    const [, , name, , , sectorsRead, , , , sectorsWritten] = line.trim().split(/\s+/);
    // Whole disks only: their partitions would count twice.
    if (name === undefined || !/^(sd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+)$/.test(name)) continue;
    read += Number(sectorsRead) * 512;
    written += Number(sectorsWritten) * 512;
  }
  return { read, written };
}

function networkCounters(): { sent: number; received: number } | undefined {
  const text = readText("/proc/net/dev");
  if (text === undefined) return undefined;
  let sent = 0;
  let received = 0;
  for (const line of text.split("\n").slice(2)) {
    const [name, counters] = line.split(":");
    if (counters === undefined || name?.trim() === "lo") continue;
    const cells = counters.trim().split(/\s+/).map(Number);
    received += cells[0] ?? 0;
    sent += cells[8] ?? 0;
  }
  return { sent, received };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
