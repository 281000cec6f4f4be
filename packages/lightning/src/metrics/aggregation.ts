import { isTensorLike, type MetricInput, values } from "./input.ts";
import { Metric, type Reduction } from "./metric.ts";

/** The (weighted) mean of the values given; NaN when there were none. */
export class MeanMetric extends Metric<number, [value: MetricInput, weight?: MetricInput]> {
  protected readonly reductions = { value: "sum", weight: "sum" } as const;

  protected measure(value: MetricInput, weight: MetricInput = 1) {
    const data = flat(value);
    const weights = flat(weight);
    let sum = 0;
    let total = 0;
    for (let i = 0; i < data.length; i++) {
      const w = weights[weights.length === 1 ? 0 : i] as number;
      sum += (data[i] as number) * w;
      total += w;
    }
    return { value: Float64Array.of(sum), weight: Float64Array.of(total) };
  }

  protected evaluate({ value, weight }: Readonly<Record<string, Float64Array | undefined>>): number {
    return (value?.[0] ?? 0) / (weight?.[0] ?? 0);
  }
}

abstract class FoldMetric extends Metric<number, [value: MetricInput]> {
  protected abstract override readonly reductions: { readonly value: Exclude<Reduction, "cat"> };
  protected abstract readonly start: number;

  protected measure(value: MetricInput) {
    const { value: reduction } = this.reductions;
    let result = this.start;
    for (const v of Array.from(flat(value))) {
      result = reduction === "sum" ? result + v : reduction === "min" ? Math.min(result, v) : Math.max(result, v);
    }
    return { value: Float64Array.of(result) };
  }

  protected evaluate({ value }: Readonly<Record<string, Float64Array | undefined>>): number {
    return value?.[0] ?? this.start;
  }
}

/** The sum of the values given. */
export class SumMetric extends FoldMetric {
  protected readonly reductions = { value: "sum" } as const;
  protected readonly start = 0;
}

/** The least of the values given; Infinity when there were none. */
export class MinMetric extends FoldMetric {
  protected readonly reductions = { value: "min" } as const;
  protected readonly start = Number.POSITIVE_INFINITY;
}

/** The greatest of the values given; -Infinity when there were none. */
export class MaxMetric extends FoldMetric {
  protected readonly reductions = { value: "max" } as const;
  protected readonly start = Number.NEGATIVE_INFINITY;
}

function flat(input: MetricInput): ArrayLike<number> {
  // A plain number keeps its float64 value; only tensors and lists are read as they would be stored.
  return typeof input === "number" ? [input] : isTensorLike(input) ? values(input).data : Array.from(doubles(input));
}

function* doubles(input: MetricInput): Iterable<number> {
  if (typeof input === "number") yield input;
  else if (!isTensorLike(input)) for (const inner of input) yield* doubles(inner);
}
