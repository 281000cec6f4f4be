/** A curve to plot: x ascending; y is NaN where a value was not finite. */
export interface Points {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export type XAxis = "step" | "epoch" | "relative" | "wall";

interface Clock {
  readonly epochs: { readonly steps: readonly number[]; readonly epochs: readonly number[] };
  readonly timeline: { readonly steps: readonly number[]; readonly times: readonly number[] };
}

/**
 * Where steps lie on an axis: epochs with their fractions, hours since the start, seconds since 1970. `undefined` where
 * the run did not note it.
 */
export function positions(steps: readonly number[], axis: XAxis, clock: Clock): readonly number[] | undefined {
  if (axis === "step") return steps;
  if (axis === "epoch") {
    const { steps: starts, epochs } = clock.epochs;
    if (epochs.length === 0) return undefined;
    // The last epoch is as long as the one before.
    const length =
      starts.length > 1 ? ((starts.at(-1) as number) - (starts[0] as number)) / (starts.length - 1) : undefined;
    const ends = length === undefined ? { x: starts, y: epochs } : extended(starts, epochs, length);
    return steps.map((step) => interpolated(ends.x, ends.y, step));
  }
  const { steps: noted, times } = lastPass(clock.timeline);
  const first = clock.timeline.times[0];
  if (first === undefined) return undefined;
  const wall = steps.map((step) => interpolated(noted, times, step));
  return axis === "wall" ? wall : wall.map((time) => (time - first) / 3600);
}

function extended(starts: readonly number[], epochs: readonly number[], length: number) {
  return { x: [...starts, (starts.at(-1) as number) + length], y: [...epochs, (epochs.at(-1) as number) + 1] };
}

/** A resumed run does some steps twice: the later time is that of the values that were kept. */
function lastPass({ steps, times }: Clock["timeline"]) {
  const kept: { steps: number[]; times: number[] } = { steps: [], times: [] };
  for (let i = steps.length - 1; i >= 0; i--) {
    const next = kept.steps.at(-1);
    if (next !== undefined && (steps[i] as number) >= next) continue;
    kept.steps.push(steps[i] as number);
    kept.times.push(times[i] as number);
  }
  return { steps: kept.steps.reverse(), times: kept.times.reverse() };
}

/** Linear between known points, the nearest one outside of them. @param xs ascending */
export function interpolated(xs: readonly number[], ys: readonly number[], x: number): number {
  let low = 0;
  let high = xs.length - 1;
  if (x <= (xs[0] as number)) return ys[0] as number;
  if (x >= (xs[high] as number)) return ys[high] as number;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((xs[middle] as number) <= x) low = middle;
    else high = middle;
  }
  const [x0, x1, y0, y1] = [xs[low] as number, xs[high] as number, ys[low] as number, ys[high] as number];
  return x1 === x0 ? y1 : y0 + ((x - x0) / (x1 - x0)) * (y1 - y0);
}

/**
 * Exponential moving average without the bias of its start (Kingma, Ba 2015, section 3), as TensorBoard smooths; values
 * that are not finite stay and are passed over.
 * @param weight of what was before, 0 to below 1
 */
export function smoothed(values: readonly number[], weight: number): number[] {
  if (weight <= 0) return [...values];
  let average = 0;
  let total = 0;
  return values.map((value) => {
    if (!Number.isFinite(value)) return value;
    average = weight * average + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return average / total;
  });
}

/** The least and greatest value without outliers: those beyond the 2nd and 98th percentile are left out. */
export function rangeWithoutOutliers(values: readonly number[]): readonly [number, number] | undefined {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const at = (part: number) => sorted[Math.round(part * (sorted.length - 1))] as number;
  return [at(0.02), at(0.98)];
}

export interface Spread extends Points {
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** The mean of several curves with their least and greatest values, where at least one of them is. */
export function spread(curves: readonly Points[]): Spread {
  const finite = curves.map(({ x, y }) => {
    const kept = x.flatMap((value, i) => (Number.isFinite(y[i]) ? [[value, y[i] as number] as const] : []));
    return { x: kept.map(([value]) => value), y: kept.map(([, value]) => value) };
  });
  const xs = [...new Set(finite.flatMap(({ x }) => x))].sort((a, b) => a - b);
  const columns = xs.map((at) =>
    finite
      .filter(({ x }) => x.length > 0 && at >= (x[0] as number) && at <= (x.at(-1) as number))
      .map(({ x, y }) => interpolated(x, y, at)),
  );
  return {
    x: xs,
    y: columns.map((column) => column.reduce((sum, value) => sum + value, 0) / column.length),
    low: columns.map((column) => Math.min(...column)),
    high: columns.map((column) => Math.max(...column)),
  };
}

/** The best finite value and where it is. */
export function bestPoint(
  { x, y }: Points,
  mode: "min" | "max",
): { readonly x: number; readonly y: number } | undefined {
  let best: number | undefined;
  for (let i = 0; i < y.length; i++) {
    const value = y[i] as number;
    const isBetter = best === undefined || (mode === "min" ? value < (y[best] as number) : value > (y[best] as number));
    if (Number.isFinite(value) && isBetter) best = i;
  }
  return best === undefined ? undefined : { x: x[best] as number, y: y[best] as number };
}
