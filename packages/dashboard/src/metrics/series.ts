/** A curve: steps in the order in which they were logged, and values, which may be NaN. */
export interface Curve {
  readonly steps: number[];
  readonly values: number[];
}

/**
 * A curve of at most `limit` points that keeps the least and greatest value of each stretch, so that spikes stay
 * visible, its first and last point, and one value of each stretch that is not finite.
 */
export function downsampled({ steps, values }: Curve, limit: number): Curve {
  if (steps.length <= limit) return { steps, values };
  const stretches = Math.max(1, Math.floor((limit - 2) / 3));
  const kept = new Set([0]);
  for (let s = 0; s < stretches; s++) {
    const begin = Math.floor((s * steps.length) / stretches);
    const end = Math.floor(((s + 1) * steps.length) / stretches);
    const { low, high, odd } = extremes(values, begin, end);
    for (const i of [low, high, odd].filter((i) => i !== undefined).sort((a, b) => a - b)) kept.add(i);
  }
  kept.add(steps.length - 1);
  const order = [...kept];
  return { steps: order.map((i) => steps[i] as number), values: order.map((i) => values[i] as number) };
}

/** Where a stretch is lowest and highest, and where it first is not finite. */
function extremes(values: readonly number[], begin: number, end: number) {
  let low: number | undefined;
  let high: number | undefined;
  let odd: number | undefined;
  for (let i = begin; i < end; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) odd ??= i;
    else {
      if (low === undefined || value < (values[low] as number)) low = i;
      if (high === undefined || value > (values[high] as number)) high = i;
    }
  }
  return { low, high, odd };
}

/** The part of a curve between two steps, with one point beyond at each side, so that lines lead out of the view. */
export function between({ steps, values }: Curve, begin: number, end: number): Curve {
  const first = steps.findIndex((step) => step >= begin);
  const last = steps.findLastIndex((step) => step <= end);
  if (first < 0 || last < 0) return { steps: [], values: [] };
  const [from, to] = [Math.max(0, Math.min(first, last) - 1), Math.max(first, last) + 2];
  return { steps: steps.slice(from, to), values: values.slice(from, to) };
}
