interface LoaderStats {
  readonly waitMs: number;
  readonly images: number;
}

/** Speed since a moment: of batches, images, and the share of time that training waited for data. */
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

const cells = 20;

/** A bar of 20 cells. */
export function bar(fraction: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, fraction)) * cells);
  return `${"━".repeat(filled)}${"╌".repeat(cells - filled)}`;
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
  if (typeof value === "string") return `${name}=${value}`;
  const small = value !== 0 && Math.abs(value) < 0.001;
  return `${name}=${Number.isInteger(value) ? value : small ? value.toExponential(2) : value.toFixed(3)}`;
}
