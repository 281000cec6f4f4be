import { CtError } from "@classifier-training/base";

/** How a field of a metric's state is combined over batches and over ranks. */
export type Reduction = "sum" | "cat" | "min" | "max";

/** A metric's state: plain numbers, small enough to go into a checkpoint or over the wire as they are. */
export type MetricState = Readonly<Record<string, Float64Array>>;

/** A metric's state at some time, which it can be put back to. */
export interface MetricMark {
  stateDict(): Record<string, number[]>;
  rollback(): void;
}

/**
 * A quantity gathered over batches. A metric says what one batch contributes (`measure`), how contributions combine
 * (`reductions`), and what value a state stands for (`evaluate`); the rest follows: accumulation, the value of the last
 * batch alone, checkpoints, and the value over all ranks.
 */
export abstract class Metric<Value = number, Args extends readonly unknown[] = readonly unknown[]> {
  #total = new Map<string, Float64Array[]>();
  #batch: MetricState | undefined;
  #updates = 0;
  /** The states of all ranks, as they were when they were gathered. */
  #ranks: readonly MetricState[] | undefined;

  protected abstract readonly reductions: Readonly<Record<string, Reduction>>;
  /** What one batch contributes; the arrays returned are the metric's own from then on. */
  protected abstract measure(...args: Args): MetricState;
  /** The value that a state stands for; `undefined` fields mean that nothing was seen. */
  protected abstract evaluate(state: Readonly<Record<string, Float64Array | undefined>>): Value;

  /** Adds a batch. */
  update(...args: Args): void {
    const batch = this.measure(...args);
    this.#add(batch);
    this.#batch = batch;
    this.#updates++;
    this.#ranks = undefined;
  }

  /** Adds a batch and returns the value of that batch alone. */
  forward(...args: Args): Value {
    this.update(...args);
    return this.batchValue();
  }

  /** The value over everything since the last reset; at the end of a distributed epoch, over all ranks. */
  compute(): Value {
    return this.#ranks === undefined ? this.evaluate(this.state()) : this.computeOver(this.#ranks);
  }

  /** The value of the last batch alone. */
  batchValue(): Value {
    return this.evaluate(this.#batch ?? {});
  }

  /** Batches added since the last reset. */
  get updates(): number {
    return this.#updates;
  }

  reset(): void {
    this.#total.clear();
    this.#batch = undefined;
    this.#updates = 0;
    this.#ranks = undefined;
  }

  /** Lets `compute` give the value over these states (this rank's included), until the next update or reset. */
  takeRanks(states: readonly MetricState[]): void {
    this.#ranks = states;
  }

  /** The accumulated state, one array a field. */
  state(): MetricState {
    const state: Record<string, Float64Array> = {};
    for (const [name, parts] of this.#total) {
      const whole = parts.length === 1 ? (parts[0] as Float64Array) : concatenate(parts);
      this.#total.set(name, [whole]);
      state[name] = whole;
    }
    return state;
  }

  /** The value over several ranks, given the states of all of them (this one's included); the own state stays. */
  computeOver(states: readonly MetricState[]): Value {
    const merged = new Map<string, Float64Array[]>();
    for (const state of states) this.#merge(merged, state);
    return this.evaluate(Object.fromEntries([...merged].map(([name, parts]) => [name, concatenate(parts)])));
  }

  /** Remembers the state as it is now. Lists that only grow are not copied. */
  mark(): MetricMark {
    const total = new Map(
      [...this.#total].map(([name, parts]) => [
        name,
        this.reductions[name] === "cat" ? [...parts] : parts.map((values) => values.slice()),
      ]),
    );
    const [batch, updates, ranks] = [this.#batch, this.#updates, this.#ranks];
    const whole = () => [...total].map(([name, parts]) => [name, Array.from(concatenate(parts))] as const);
    return {
      stateDict: () => ({ ...Object.fromEntries(whole()), updates: [updates] }),
      rollback: () => {
        this.#total = new Map(total);
        [this.#batch, this.#updates, this.#ranks] = [batch, updates, ranks];
      },
    };
  }

  stateDict(): Record<string, number[]> {
    const fields = Object.entries(this.state()).map(([name, values]) => [name, Array.from(values)]);
    return { ...Object.fromEntries(fields), updates: [this.#updates] };
  }

  /** @throws CtError `metrics/state` for a field that this metric does not have. */
  loadStateDict(state: Readonly<Record<string, readonly number[]>>): void {
    this.reset();
    for (const [name, values] of Object.entries(state)) {
      if (name === "updates") this.#updates = values[0] ?? 0;
      else if (name in this.reductions) this.#total.set(name, [Float64Array.from(values)]);
      else throw metricError("metrics/state", `${this.constructor.name} has no state '${name}'`);
    }
  }

  #add(state: MetricState): void {
    this.#merge(this.#total, state);
  }

  #merge(total: Map<string, Float64Array[]>, state: MetricState): void {
    for (const [name, values] of Object.entries(state)) {
      const reduction = this.reductions[name];
      if (reduction === undefined)
        throw metricError("metrics/state", `${this.constructor.name} has no state '${name}'`);
      const parts = total.get(name);
      if (parts === undefined) total.set(name, [reduction === "cat" ? values : values.slice()]);
      else if (reduction === "cat") parts.push(values);
      else combine(parts[0] as Float64Array, values, reduction);
    }
  }
}

function combine(total: Float64Array, values: Float64Array, reduction: Exclude<Reduction, "cat">): void {
  for (let i = 0; i < total.length; i++) {
    const a = total[i] as number;
    const b = values[i] as number;
    total[i] = reduction === "sum" ? a + b : reduction === "min" ? Math.min(a, b) : Math.max(a, b);
  }
}

function concatenate(parts: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function metricError(code: string, what: string, fix?: string): CtError {
  return new CtError({ code, what, fix });
}
