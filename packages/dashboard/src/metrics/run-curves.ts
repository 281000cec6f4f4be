import { MetricsReader, type Timeline, TimelineReader } from "@classifier-training/runs";
import { axes } from "../runs/run-summary.ts";
import type { Curve } from "./series.ts";

/** The curves of one run, read as its file grows. */
export class RunCurves {
  readonly #reader: MetricsReader;
  readonly #timeline: TimelineReader | undefined;
  readonly #curves = new Map<string, Curve & { readonly rows: number[] }>();
  readonly #epochs: { steps: number[]; epochs: number[] } = { steps: [], epochs: [] };
  readonly axis: "step" | "time";
  #resets = 0;
  #rows = 0;
  #cells = 0;

  /** @param timelinePath when which step was reached; of a table by the clock, whose `time` then stands for steps, none */
  constructor(path: string, timelinePath: string | undefined) {
    this.#reader = new MetricsReader(path);
    this.axis = timelinePath === undefined ? "time" : "step";
    this.#timeline = timelinePath === undefined ? undefined : new TimelineReader(timelinePath);
  }

  /** As it is now. */
  get timeline(): Timeline {
    if (this.#timeline !== undefined) return this.#timeline.poll();
    const [curve] = this.#curves.values();
    const ends = curve === undefined ? [] : [curve.steps[0] as number, curve.steps.at(-1) as number];
    return { steps: ends, times: ends, resumed: [] };
  }

  /** Changes when rows that were read before are no longer valid. */
  get resets(): number {
    return this.#resets;
  }

  get rows(): number {
    return this.#rows;
  }

  /** Values in memory. */
  get cells(): number {
    return this.#cells;
  }

  get names(): string[] {
    return [...this.#curves.keys()];
  }

  /** The first step of each epoch. */
  get epochs(): { readonly steps: readonly number[]; readonly epochs: readonly number[] } {
    return this.#epochs;
  }

  /** Reads what was added. */
  poll(): void {
    const { rows, reset } = this.#reader.poll();
    if (reset) this.#forget();
    for (const row of rows) this.#add(row);
  }

  /** A curve's rows from one row on. */
  curve(name: string, fromRow = 0): Curve {
    const { steps, values, rows } = this.#curves.get(name) ?? { steps: [], values: [], rows: [] };
    if (fromRow <= 0) return { steps, values };
    const first = rows.findLastIndex((row) => row < fromRow) + 1;
    return { steps: steps.slice(first), values: values.slice(first) };
  }

  #add(row: Readonly<Record<string, number | string>>): void {
    // A row without a step goes by its place in the file.
    const at = row[this.axis];
    const step = typeof at === "number" ? at : this.#rows;
    const epoch = row["epoch"];
    if (typeof epoch === "number" && epoch !== this.#epochs.epochs.at(-1)) {
      this.#epochs.steps.push(step);
      this.#epochs.epochs.push(epoch);
    }
    for (const [name, value] of Object.entries(row)) {
      if (axes.has(name) || name === this.axis || typeof value !== "number") continue;
      const curve = this.#curves.get(name) ?? { steps: [], values: [], rows: [] };
      this.#curves.set(name, curve);
      curve.steps.push(step);
      curve.values.push(value);
      curve.rows.push(this.#rows);
      this.#cells++;
    }
    this.#rows++;
  }

  #forget(): void {
    this.#curves.clear();
    this.#epochs.steps = [];
    this.#epochs.epochs = [];
    this.#resets++;
    this.#rows = 0;
    this.#cells = 0;
  }
}

/** Values of all runs together: about 500 MB. */
const maxCells = 20_000_000;

/** The curves of the runs that were asked for last. */
export class CurveCache {
  readonly #curves = new Map<string, RunCurves>();

  /** The curves in a file, as it is now, with the run's timeline. */
  get(path: string, timelinePath?: string): RunCurves {
    const curves = this.#curves.get(path) ?? new RunCurves(path, timelinePath);
    curves.poll();
    // The newest stands last.
    this.#curves.delete(path);
    this.#curves.set(path, curves);
    let cells = [...this.#curves.values()].reduce((sum, one) => sum + one.cells, 0);
    for (const [oldest, { cells: freed }] of [...this.#curves].slice(0, -1)) {
      if (cells <= maxCells) break;
      this.#curves.delete(oldest);
      cells -= freed;
    }
    return curves;
  }
}
