import { quantile } from "./calibration.ts";
import { type Interval, wilsonInterval } from "./interval.ts";

/** Samples that share what is known of them. */
export interface Slice {
  /** The column of the metadata. */
  readonly key: string;
  /** Its value, or its range of numbers. */
  readonly value: string;
  readonly accuracy: Interval;
  /** Of all other samples that have a value. */
  readonly rest: Interval;
}

/** More texts than these say something else of almost each sample. */
const mostTexts = 20;
/** More numbers than these are cut into quarters. */
const mostNumbers = 10;

/**
 * How the predictions are where metadata have a certain value, the lowest upper bound first. A column of more than 10
 * different numbers is cut into quarters of its samples; one of more than 20 different texts makes no slices.
 *
 * @param metadata of each sample, by column; empty where it is not known
 */
export function sliceAccuracies(
  metadata: readonly Readonly<Record<string, string>>[],
  correct: readonly boolean[],
): Slice[] {
  const keys = [...new Set(metadata.flatMap((one) => Object.keys(one)))];
  return keys.flatMap((key) => slicesOf(key, metadata, correct)).sort((a, b) => a.accuracy.high - b.accuracy.high);
}

function slicesOf(
  key: string,
  metadata: readonly Readonly<Record<string, string>>[],
  correct: readonly boolean[],
): Slice[] {
  const known = metadata.flatMap((one, i) => {
    const value = one[key];
    return value === undefined || value === "" ? [] : [{ value, correct: correct[i] === true }];
  });
  const nameOf = sliceNamer(known.map(({ value }) => value));
  if (nameOf === undefined) return [];
  const groups = new Map<string, typeof known>();
  for (const sample of known) {
    const name = nameOf(sample.value);
    const own = groups.get(name);
    if (own === undefined) groups.set(name, [sample]);
    else own.push(sample);
  }
  const right = (samples: readonly { correct: boolean }[]) => samples.filter((one) => one.correct).length;
  const total = right(known);
  return [...groups].map(([value, samples]) => ({
    key,
    value,
    accuracy: wilsonInterval(right(samples), samples.length),
    rest: wilsonInterval(total - right(samples), known.length - samples.length),
  }));
}

/** Gives the slice of a value of a column; undefined where its values make none. */
export function sliceNamer(values: readonly string[]): ((value: string) => string) | undefined {
  const count = new Set(values).size;
  const numbers = values.map(Number);
  const isNumeric = numbers.every(Number.isFinite);
  if (count <= (isNumeric ? mostNumbers : mostTexts)) return (value) => value;
  if (!isNumeric) return undefined;
  const edges = [0, 0.25, 0.5, 0.75, 1].map((q) => quantile(numbers, q));
  return (value) => {
    const i = Math.min(
      3,
      Math.max(
        0,
        edges.findLastIndex((edge) => edge <= Number(value)),
      ),
    );
    const [low, high] = [edges[i], edges[i + 1]].map((edge) => Number((edge ?? 0).toPrecision(4)));
    return low === high ? String(low) : `${low} to ${high}`;
  };
}
