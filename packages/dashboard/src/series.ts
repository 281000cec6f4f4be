import type { Series } from "./api.ts";

type Row = Readonly<Record<string, number | string>>;

/** Columns that are axes, not curves. */
const axes = new Set(["step", "epoch"]);

/** The curves of rows; a row without a step goes by its place in the file. */
export function seriesOf(rows: readonly Row[], firstRow = 0): Record<string, Series> {
  // Without a prototype: a metric may be called `constructor`.
  const series: Record<string, Series> = Object.create(null);
  for (const [i, row] of rows.entries()) {
    const step = typeof row["step"] === "number" ? row["step"] : firstRow + i;
    for (const [name, value] of Object.entries(row)) {
      if (axes.has(name) || typeof value !== "number" || !Number.isFinite(value)) continue;
      const curve = series[name] ?? { steps: [], values: [] };
      series[name] = curve;
      curve.steps.push(step);
      curve.values.push(value);
    }
  }
  return series;
}

/**
 * A curve of at most `limit` points that keeps the least and greatest value of each stretch, so that spikes stay
 * visible.
 */
export function downsampled({ steps, values }: Series, limit = 2000): Series {
  if (steps.length <= limit) return { steps, values };
  const stretches = Math.max(1, Math.floor(limit / 2));
  const kept: number[] = [];
  for (let s = 0; s < stretches; s++) {
    const begin = Math.floor((s * steps.length) / stretches);
    const end = Math.floor(((s + 1) * steps.length) / stretches);
    let low = begin;
    let high = begin;
    for (let i = begin; i < end; i++) {
      if ((values[i] as number) < (values[low] as number)) low = i;
      if ((values[i] as number) > (values[high] as number)) high = i;
    }
    kept.push(Math.min(low, high));
    if (low !== high) kept.push(Math.max(low, high));
  }
  return { steps: kept.map((i) => steps[i] as number), values: kept.map((i) => values[i] as number) };
}
