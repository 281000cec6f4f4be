interface LoaderStats {
  readonly waitMs: number;
  readonly images: number;
}

/** Speed since a moment: of batches, images, and the fraction of time that training waited for data. */
export class Speed {
  readonly #begin = performance.now();
  readonly #waitMs: number;
  readonly #images: number;
  readonly #doneAtBegin: number;

  /** @param done batches that were done before this moment, as after a resume within an epoch */
  constructor(stats: LoaderStats = { waitMs: 0, images: 0 }, done = 0) {
    this.#waitMs = stats.waitMs;
    this.#images = stats.images;
    this.#doneAtBegin = done;
  }

  measure(stats: LoaderStats, done: number) {
    const seconds = (performance.now() - this.#begin) / 1000;
    const batches = done - this.#doneAtBegin;
    return {
      seconds,
      secondsPerBatch: batches > 0 ? seconds / batches : 0,
      imagesPerSecond: seconds > 0 ? (stats.images - this.#images) / seconds : 0,
      waitShare: seconds > 0 ? (stats.waitMs - this.#waitMs) / 1000 / seconds : 0,
    };
  }
}

const mostCells = 20;
const fewestCells = 5;

export function bar(fraction: number, cells: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * cells);
  return `${"━".repeat(filled)}${"╌".repeat(cells - filled)}`;
}

/**
 * A title and parts in one line of a terminal: those at the end that do not fit are left out, and what is then free is
 * the bar's, of at most 20 cells.
 */
export function joinFitting(
  title: string,
  parts: readonly string[],
  width: number,
  drawBar: (cells: number) => string | undefined,
): string {
  const shown: string[] = [];
  let free = width - title.length;
  for (const part of parts) {
    if (free < part.length + 1) break;
    shown.push(part);
    free -= part.length + 1;
  }
  const cells = Math.min(mostCells, free - 1);
  const drawn = cells >= fewestCells ? drawBar(cells) : undefined;
  return [title, ...(drawn === undefined ? [] : [drawn]), ...shown].join(" ").slice(0, width);
}

/**
 * The loss and the accuracy to watch, and the other metrics: in training its own loss, that of the step before that of the
 * epoch, until the epoch is finished.
 */
export function inOrder(
  metrics: Readonly<Record<string, number | string>>,
  isFinished = false,
): { first: string[]; rest: string[] } {
  const names = Object.keys(metrics);
  const pick = (pattern: RegExp) => names.find((name) => pattern.test(name));
  const loss =
    pick(isFinished ? /^(train.*)?loss.*_epoch$/i : /^train.*loss.*_step$/i) ?? pick(/^train.*loss/i) ?? pick(/loss/i);
  const accuracy = pick(/^val.*acc/i) ?? pick(/acc/i);
  const first = [loss, accuracy].filter((name) => name !== undefined);
  const text = (name: string) => metricText(name, metrics[name] as number | string);
  return { first: first.map(text), rest: names.filter((name) => !first.includes(name)).map(text) };
}

/** `0:07`, `12:34`, `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** `val/loss=0.123`: three digits after the point, or scientific where that would hide the value. */
export function metricText(name: string, value: number | string): string {
  return `${name}=${typeof value === "string" ? value : metricValue(value)}`;
}

export function metricValue(value: number): string {
  const small = value !== 0 && Math.abs(value) < 0.001;
  return Number.isInteger(value) ? String(value) : small ? value.toExponential(2) : value.toFixed(3);
}
