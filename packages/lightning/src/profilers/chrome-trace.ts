import { join } from "node:path";
import { parseOptions, writeFileAtomic } from "@classifier-training/base";
import type { Profiler } from "./profiler.ts";
import { type ProfilerOptions, profilerOptionsSchema } from "./simple.ts";

/** Records spans as a trace that chrome://tracing and ui.perfetto.dev open. */
export class ChromeTraceProfiler implements Profiler {
  readonly #path: string;
  readonly #events: string[] = [];
  readonly #limit = 1_000_000;

  constructor(options: ProfilerOptions = {}) {
    const { dirpath, filename } = parseOptions("ChromeTraceProfiler", profilerOptionsSchema, options);
    this.#path = join(dirpath ?? ".", `${filename ?? "trace"}.json`);
  }

  #add(phase: "B" | "E", name: string): void {
    if (this.#events.length >= this.#limit) return;
    const microseconds = Math.round(performance.now() * 1000);
    this.#events.push(JSON.stringify({ name, ph: phase, ts: microseconds, pid: process.pid, tid: 0 }));
  }

  start(name: string): void {
    this.#add("B", name);
  }

  stop(name: string): void {
    this.#add("E", name);
  }

  finish(): void {
    writeFileAtomic(this.#path, `{"traceEvents":[\n${this.#events.join(",\n")}\n]}\n`);
  }
}
