import type { Tensor } from "@classifier-training/torch";
import type { AccumulatorState, LoggableMetric, LogRecipe, ReduceFx } from "../metrics/logged-values.ts";

const initial: Readonly<Record<ReduceFx, number>> = {
  mean: 0,
  sum: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
};

/** What one rank has reduced of a logged value in an epoch. */
export interface RankValue {
  readonly key: string;
  readonly recipe: LogRecipe;
  /** For a mean, the sum of values times weights. */
  readonly value: number;
  readonly weight: number;
}

/** Values still on an accelerator: read together, so that logging does not wait for each step. */
interface Pending {
  readonly tensor: Tensor;
  readonly weight: number;
}

/** One name that `log()` was called with, over an epoch: the latest step's value, and the reduction so far. */
export class Accumulator {
  readonly recipe: LogRecipe;
  metric: LoggableMetric | undefined;
  /** The value of the latest step. */
  step = Number.NaN;
  /** Reset at the end of an epoch and not logged since: it takes no part until then. */
  idle = false;
  #value: number;
  #weight = 0;
  /** The epoch value, once it was asked for. */
  #computed: number | undefined;
  #pending: readonly Pending[] = [];

  constructor(recipe: LogRecipe) {
    this.recipe = recipe;
    this.#value = initial[recipe.reduceFx];
  }

  /** Takes note of a call of `log()`. */
  begin(): void {
    this.idle = false;
    this.#computed = undefined;
  }

  addMetric(metric: LoggableMetric): void {
    this.metric = metric;
    if (this.recipe.onStep && metric.batchValue !== undefined) this.step = Math.fround(toNumber(metric.batchValue()));
  }

  add(value: number | Tensor, weight: number): void {
    if (typeof value === "number" || value.device === "cpu") {
      this.#reduce(toNumber(value), weight);
      return;
    }
    this.#pending = [...this.#pending, { tensor: value.detach().clone(), weight }];
    if (this.#pending.length >= 512) this.#read();
  }

  #reduce(value: number, weight: number): void {
    const { onStep, onEpoch, reduceFx } = this.recipe;
    // The trainer's values are float32 wherever Lightning's are: comparisons of callbacks depend on it.
    const single = Math.fround(value);
    if (onStep) this.step = single;
    if (!onEpoch) return;
    this.#value = reduced(reduceFx, this.#value, reduceFx === "mean" ? single * weight : single);
    if (reduceFx === "mean") this.#weight += weight;
  }

  #read(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const { tensor, weight } of pending) {
      this.#reduce(tensor.item(), weight);
      tensor.dispose();
    }
  }

  /** The value of the step, or of the epoch so far; undefined where it is not kept. */
  valueOf(onStep: boolean): number | undefined {
    if (onStep ? !this.recipe.onStep : !this.recipe.onEpoch) return undefined;
    this.#read();
    if (onStep) return this.metric !== undefined && this.metric.batchValue === undefined ? undefined : this.step;
    this.#computed ??= Math.fround(
      this.metric === undefined
        ? epochValue(this.recipe.reduceFx, this.#value, this.#weight)
        : toNumber(this.metric.compute()),
    );
    return this.#computed;
  }

  /** Starts anew, for the next epoch or a hook's first call in one. Metric objects are reset with an epoch only. */
  reset(): void {
    this.#read();
    this.step = Number.NaN;
    this.#value = initial[this.recipe.reduceFx];
    this.#weight = 0;
    this.#computed = undefined;
  }

  // --- Distributed runs ---

  /** What this rank has reduced, for the others. */
  rankValue(key: string): RankValue {
    this.#read();
    return { key, recipe: this.recipe, value: this.#value, weight: this.#weight };
  }

  /** Takes the epoch's value over all ranks. */
  setEpochValue(value: number): void {
    this.idle = false;
    this.#computed = Math.fround(value);
  }

  stepValue(): number {
    this.#read();
    return this.step;
  }

  /** Takes one step's values of all ranks. */
  setStepValues(values: readonly number[]): void {
    const { reduceFx } = this.recipe;
    const all = values.reduce((a, b) => reduced(reduceFx, a, b));
    this.step = Math.fround(epochValue(reduceFx, all, values.length));
  }

  // --- Going back, and checkpoints ---

  /** The same values as they are now; tensors are shared. */
  copy(): Accumulator {
    // What is logged until the next mark is then added to these, and not read with them.
    if (this.#pending.length >= 256) this.#read();
    const copy = new Accumulator(this.recipe);
    copy.metric = this.metric;
    copy.step = this.step;
    copy.idle = this.idle;
    copy.#value = this.#value;
    copy.#weight = this.#weight;
    copy.#computed = this.#computed;
    copy.#pending = this.#pending;
    return copy;
  }

  /** A copy to continue from: values that were read since are in it already. */
  restored(): Accumulator {
    const copy = this.copy();
    copy.#pending = copy.#pending.filter(({ tensor }) => !tensor.isDisposed);
    return copy;
  }

  /** Frees the values on an accelerator that a copy of before does not have. */
  disposeSince(before: Accumulator | undefined): void {
    const kept = new Set(before === undefined ? [] : before.#pending.map(({ tensor }) => tensor));
    for (const { tensor } of this.#pending) if (!kept.has(tensor)) tensor.dispose();
  }

  /** @param metric where in the module the metric object is */
  state(metric: string | null): AccumulatorState {
    this.#read();
    const { recipe, step, idle } = this;
    return { recipe, step, value: this.#value, weight: this.#weight, computed: this.#computed ?? null, idle, metric };
  }

  static fromState(saved: AccumulatorState, metric: LoggableMetric | undefined): Accumulator {
    const { dataloaderIdx } = saved.recipe;
    const entry = new Accumulator({ ...saved.recipe, dataloaderIdx: dataloaderIdx ?? undefined });
    entry.metric = metric;
    entry.step = saved.step;
    entry.idle = saved.idle;
    entry.#value = saved.value;
    entry.#weight = saved.weight;
    entry.#computed = saved.computed ?? undefined;
    return entry;
  }
}

/** The values of all ranks, by key; a mean is weighted by what each rank has seen. */
export function mergedRanks(
  ranks: readonly (readonly RankValue[])[],
): Map<string, { readonly recipe: LogRecipe; readonly value: number }> {
  const merged = new Map<string, RankValue>();
  for (const one of ranks.flat()) {
    const before = merged.get(one.key);
    const value = before === undefined ? one.value : reduced(one.recipe.reduceFx, before.value, one.value);
    merged.set(one.key, { ...(before ?? one), value, weight: (before?.weight ?? 0) + one.weight });
  }
  return new Map(
    [...merged].map(([key, { recipe, value, weight }]) => [
      key,
      { recipe, value: epochValue(recipe.reduceFx, value, weight) },
    ]),
  );
}

function reduced(reduceFx: ReduceFx, a: number, b: number): number {
  if (reduceFx === "min") return Math.min(a, b);
  return reduceFx === "max" ? Math.max(a, b) : a + b;
}

function epochValue(reduceFx: ReduceFx, value: number, weight: number): number {
  return reduceFx === "mean" ? value / weight : value;
}

function toNumber(value: number | Tensor): number {
  return typeof value === "number" ? value : value.item();
}
