import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { LineReader } from "./line-reader.ts";

/** When a run reached which step, in the order in which it did. */
export interface Timeline {
  readonly steps: readonly number[];
  /** Seconds since 1970. */
  readonly times: readonly number[];
  /** The first step of each later start: where the run was resumed. */
  readonly resumed: readonly number[];
}

const header = "step,time,start\n";
const secondsBetweenLines = 1;

/**
 * Notes in `timeline.csv` when a run reached a step, at most once a second. It is never cut back: a resumed run counts its
 * starts, so that readers see where it was resumed. A line that cannot be written is left out: training does not depend on it.
 */
export class TimelineWriter {
  readonly #path: string;
  readonly #start: number;
  #lastTime = Number.NEGATIVE_INFINITY;

  constructor(path: string) {
    this.#path = path;
    const lines = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
    this.#start = lines.length < 2 ? 0 : Number(lines.at(-1)?.split(",")[2] ?? 0) + 1;
    if (lines.length === 0) this.#append(header);
  }

  note(step: number): void {
    const time = Date.now() / 1000;
    if (time - this.#lastTime < secondsBetweenLines) return;
    this.#lastTime = time;
    this.#append(`${step},${time.toFixed(3)},${this.#start}\n`);
  }

  #append(text: string): void {
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      appendFileSync(this.#path, text);
    } catch {
      // A full disk: the metrics' writer says so.
    }
  }
}

/** Follows a growing `timeline.csv`: only what was added is read. One that is missing or damaged has no lines. */
export class TimelineReader {
  readonly #reader: LineReader;
  #timeline = emptyTimeline();
  #start = 0;
  #isAfterHeader = false;

  constructor(path: string) {
    this.#reader = new LineReader(path);
  }

  /** All that is known so far: the same object, longer, until the file is replaced. */
  poll(): Timeline {
    const { lines, reset } = this.#added();
    if (reset) {
      this.#timeline = emptyTimeline();
      this.#start = 0;
      this.#isAfterHeader = false;
    }
    for (const line of this.#isAfterHeader ? lines : lines.slice(1)) this.#add(line);
    this.#isAfterHeader ||= lines.length > 0;
    return this.#timeline;
  }

  #added(): ReturnType<LineReader["poll"]> {
    try {
      return this.#reader.poll();
    } catch {
      // It may not be read.
      return { lines: [], reset: false };
    }
  }

  #add(line: string): void {
    const [step = Number.NaN, time = Number.NaN, start = this.#start] = line.split(",").map(Number);
    if (!Number.isFinite(step) || !Number.isFinite(time)) return;
    if (start > this.#start) this.#timeline.resumed.push(step);
    this.#start = start;
    this.#timeline.steps.push(step);
    this.#timeline.times.push(time);
  }
}

function emptyTimeline() {
  return { steps: [] as number[], times: [] as number[], resumed: [] as number[] };
}
