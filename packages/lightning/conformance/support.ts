import { readFileSync } from "node:fs";
import { join } from "node:path";
import { camelCase } from "@classifier-training/base";
import { type BatchLoader, type LoaderPosition, Trainer, type TrainerOptions } from "../src/index.ts";

export function readRecording<T>(dir: string, file: string): T {
  return JSON.parse(readFileSync(join(dir, file), "utf8")) as T;
}

/** Recorded option names to ours; Python's integer 1 is one batch, which only an object can say here. */
export function trainerOptions(recorded: Readonly<Record<string, unknown>>): TrainerOptions {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(recorded)) {
    const key = camelCase(name);
    options[key] = key.startsWith("limit") && value === 1 ? { batches: 1 } : value;
  }
  return options as TrainerOptions;
}

/** A trainer without what the recordings left out. */
export function quietTrainer(options: TrainerOptions): Trainer {
  return new Trainer({
    enableProgressBar: false,
    enableModelSummary: false,
    logger: false,
    onSignal: "throw",
    ...options,
  });
}

/** A loader of batches by index. */
export function loader<B>(length: number, batch: (index: number) => B): BatchLoader<B> {
  return {
    length,
    async *batches({ startBatch }: LoaderPosition) {
      for (let i = startBatch; i < length; i++) yield batch(i);
    },
  };
}

/** Non-finite numbers are strings in the recordings. */
export function recordedNumber(value: unknown): unknown {
  return value === "NaN"
    ? Number.NaN
    : value === "Infinity"
      ? Number.POSITIVE_INFINITY
      : value === "-Infinity"
        ? Number.NEGATIVE_INFINITY
        : value;
}

/** Whether two values are the same: numbers within 1e-5 relative, or the sixth decimal that some were rounded to. */
export function same(expected: unknown, actual: unknown): boolean {
  const wanted = recordedNumber(expected);
  if (typeof wanted === "number" && typeof actual === "number") {
    if (Number.isNaN(wanted)) return Number.isNaN(actual);
    return wanted === actual || Math.abs(wanted - actual) <= Math.max(5.1e-7, 1e-5 * Math.abs(wanted));
  }
  if (Array.isArray(wanted) && Array.isArray(actual)) {
    return wanted.length === actual.length && wanted.every((item, i) => same(item, actual[i]));
  }
  if (isRecord(wanted) && isRecord(actual)) {
    const keys = new Set([...Object.keys(wanted), ...Object.keys(actual)]);
    return [...keys].every((key) => key in wanted && key in actual && same(wanted[key], actual[key]));
  }
  return wanted === actual;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Where two lists first differ, with the lines around it. */
export function firstDifference(expected: readonly unknown[], actual: readonly unknown[]): string | undefined {
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    if (same(expected[i], actual[i])) continue;
    return `at ${i} of ${expected.length}: expected ${JSON.stringify(expected[i])}, got ${JSON.stringify(actual[i])}`;
  }
  return undefined;
}
