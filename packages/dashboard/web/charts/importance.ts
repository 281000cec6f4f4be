/** What a configuration value explains of a metric, over several runs. */
export interface Importance {
  readonly name: string;
  /** Fraction of the variance of the metric's ranks that this value alone explains, corrected for its number of values: 0 to 1. */
  readonly explained: number;
  /** Spearman's rank correlation, for numbers. */
  readonly correlation?: number;
  /** Runs that have the value and the metric. */
  readonly n: number;
}

export interface Trial {
  readonly values: Readonly<Record<string, string | number | undefined>>;
  readonly metric: number | undefined;
}

/**
 * Importance of each value: for numbers the square of Spearman's correlation, adjusted for sample size; for text the epsilon
 * squared of the Kruskal-Wallis test (Kelley 1935). The most important first.
 */
export function importances(names: readonly string[], trials: readonly Trial[]): readonly Importance[] {
  const measured = names.flatMap((name) => importanceOf(name, trials) ?? []);
  return measured.sort((a, b) => b.explained - a.explained || (a.name < b.name ? -1 : 1));
}

function importanceOf(name: string, trials: readonly Trial[]): Importance | undefined {
  const pairs = trials.flatMap(({ values, metric }) => {
    const value = values[name];
    return value === undefined || metric === undefined || !Number.isFinite(metric) ? [] : [{ value, metric }];
  });
  const n = pairs.length;
  const distinct = new Set(pairs.map(({ value }) => value)).size;
  if (n < 3 || distinct < 2) return undefined;
  const metricRanks = ranks(pairs.map(({ metric }) => metric));
  const numbers = pairs.map(({ value }) => value).filter((value) => typeof value === "number");
  if (numbers.length === n && distinct > 2) {
    const correlation = pearson(ranks(numbers), metricRanks);
    const adjusted = 1 - ((1 - correlation ** 2) * (n - 1)) / (n - 2);
    return { name, explained: Math.max(0, adjusted), correlation, n };
  }
  const groups = new Map<string | number, number[]>();
  for (const [i, { value }] of pairs.entries())
    groups.set(value, [...(groups.get(value) ?? []), metricRanks[i] as number]);
  const mean = (n + 1) / 2;
  const total = metricRanks.reduce((sum, rank) => sum + (rank - mean) ** 2, 0);
  const within = [...groups.values()].reduce((sum, group) => {
    const center = group.reduce((a, b) => a + b, 0) / group.length;
    return sum + group.reduce((a, rank) => a + (rank - center) ** 2, 0);
  }, 0);
  if (total === 0 || n === groups.size) return { name, explained: 0, n };
  const explained = 1 - within / (n - groups.size) / (total / (n - 1));
  return { name, explained: Math.max(0, explained), n };
}

/** Ranks from 1; equal values share theirs. */
export function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => (values[a] as number) - (values[b] as number));
  const result = new Array<number>(values.length);
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end] as number] === values[order[start] as number]) end++;
    for (let i = start; i < end; i++) result[order[i] as number] = (start + end + 1) / 2;
    start = end;
  }
  return result;
}

function pearson(a: readonly number[], b: readonly number[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [da, db] = [(a[i] as number) - ma, (b[i] as number) - mb];
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb);
}
