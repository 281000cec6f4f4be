import { join } from "node:path";
import { getLogger, parseOptions, writeFileAtomic } from "@classifier-training/base";
import { z } from "zod";
import type { Profiler } from "./profiler.ts";

export const profilerOptionsSchema = z.strictObject({
  /** The folder of the report; without it, it goes to the log. */
  dirpath: z.string().nullable().default(null),
  filename: z.string().nullable().default(null),
});
export type ProfilerOptions = z.input<typeof profilerOptionsSchema>;

/** Counts calls and adds up durations, by span: a table, the slowest first. */
export class SimpleProfiler implements Profiler {
  readonly #options: z.infer<typeof profilerOptionsSchema>;
  readonly #durations = new Map<string, { calls: number; totalMs: number }>();
  readonly #open = new Map<string, number[]>();
  readonly #begin = performance.now();

  constructor(options: ProfilerOptions = {}) {
    this.#options = parseOptions("SimpleProfiler", profilerOptionsSchema, options);
  }

  start(name: string): void {
    const stack = this.#open.get(name);
    if (stack === undefined) this.#open.set(name, [performance.now()]);
    else stack.push(performance.now());
  }

  stop(name: string): void {
    const begin = this.#open.get(name)?.pop();
    if (begin === undefined) return;
    const entry = this.#durations.get(name) ?? { calls: 0, totalMs: 0 };
    entry.calls++;
    entry.totalMs += performance.now() - begin;
    this.#durations.set(name, entry);
  }

  summary(): string {
    const elapsed = performance.now() - this.#begin;
    const rows = [...this.#durations].sort(([, a], [, b]) => b.totalMs - a.totalMs);
    const width = Math.max(6, ...rows.map(([name]) => name.length));
    const line = (cells: readonly string[]) =>
      [(cells[0] ?? "").padEnd(width), ...cells.slice(1).map((cell) => cell.padStart(14))].join(" | ");
    return [
      "Profiler report",
      line(["Action", "Mean ms", "Calls", "Total s", "Share %"]),
      ...rows.map(([name, { calls, totalMs }]) =>
        line([
          name,
          (totalMs / calls).toFixed(3),
          String(calls),
          (totalMs / 1000).toFixed(3),
          ((100 * totalMs) / elapsed).toFixed(2),
        ]),
      ),
      line(["Total", "-", "-", (elapsed / 1000).toFixed(3), "100.00"]),
    ].join("\n");
  }

  finish(): void {
    const { dirpath, filename } = this.#options;
    if (dirpath === null && filename === null) getLogger("lightning.profiler").info(this.summary());
    else writeFileAtomic(join(dirpath ?? ".", `${filename ?? "fit-profile"}.txt`), `${this.summary()}\n`);
  }
}
