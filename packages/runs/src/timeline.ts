import { appendFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { readRegularFile } from "@classifier-training/base";

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
const maxBytes = 64 * 2 ** 20;

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

/** Reads a `timeline.csv`; one that is missing or damaged has no lines. */
export function readTimeline(path: string): Timeline {
  const timeline = { steps: [] as number[], times: [] as number[], resumed: [] as number[] };
  let text: string;
  try {
    text = readRegularFile(path, maxBytes).toString("utf8");
  } catch {
    return timeline;
  }
  let before = 0;
  for (const line of text.split("\n").slice(1, -1)) {
    const [step = Number.NaN, time = Number.NaN, start = before] = line.split(",").map(Number);
    if (!Number.isFinite(step) || !Number.isFinite(time)) continue;
    if (start > before) timeline.resumed.push(step);
    before = start;
    timeline.steps.push(step);
    timeline.times.push(time);
  }
  return timeline;
}
