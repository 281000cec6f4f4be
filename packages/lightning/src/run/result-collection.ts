import type { Tensor } from "@classifier-training/torch";
import { MisconfigurationError } from "../utilities/errors.ts";
import { type EpochShare, mergedShares, reducedStep } from "./epoch-share.ts";
import { isPerBatch } from "./log-rules.ts";

export type ReduceFx = "mean" | "sum" | "min" | "max";

/** A stateful metric that is logged as an object: its value is read at the step and at the end of the epoch. */
export interface LoggableMetric {
  compute(): number | Tensor;
  reset(): void;
  /** The value of the latest batch alone, for `onStep`. */
  batchValue?(): number | Tensor;
}

/** How a value was asked to be logged; the same name must be logged the same way each time. */
export interface LogRecipe {
  readonly hook: string;
  readonly name: string;
  readonly progBar: boolean;
  readonly logger: boolean;
  readonly onStep: boolean;
  readonly onEpoch: boolean;
  readonly reduceFx: ReduceFx;
  readonly syncDist: boolean;
  readonly addDataloaderIdx: boolean;
  readonly dataloaderIdx: number | undefined;
}

export type MetricValues = Record<string, number>;

/** The same values as three audiences see them. */
export interface MetricViews {
  readonly callback: MetricValues;
  readonly logged: MetricValues;
  readonly progressBar: MetricValues;
}

/** Without a prototype: a metric may be called `__proto__`. */
export function noValues(): MetricValues {
  return Object.create(null) as MetricValues;
}

export function emptyViews(): MetricViews {
  return { callback: noValues(), logged: noValues(), progressBar: noValues() };
}

interface Accumulator {
  readonly recipe: LogRecipe;
  metric: LoggableMetric | undefined;
  /** The value of the latest step. */
  step: number;
  value: number;
  weight: number;
  /** The epoch value, once it was asked for. */
  computed: number | undefined;
  /** Values still on an accelerator: read together, so that logging does not wait for each step. */
  pending: { readonly tensor: Tensor; readonly batchSize: number }[];
  /** Reset at the end of an epoch and not logged since: it takes no part until then. */
  idle: boolean;
}

interface AccumulatorState {
  readonly recipe: LogRecipe;
  readonly step: number;
  readonly value: number;
  readonly weight: number;
  readonly computed: number | null;
  readonly idle: boolean;
  /** Which metric object of the module it was. */
  readonly metric: string | null;
}

/** What a checkpoint in mid-epoch keeps of the values logged so far. */
export type ResultState = readonly (readonly [string, AccumulatorState])[];

const initial: Readonly<Record<ReduceFx, number>> = {
  mean: 0,
  sum: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
};

/** Sums up the values of `log()` over an epoch, as Lightning's result collection does. */
export class ResultCollection {
  readonly #training: boolean;
  readonly #entries = new Map<string, Accumulator>();
  dataloaderIdx: number | undefined;
  batch: unknown;
  batchSize: number | undefined;

  constructor(training: boolean) {
    this.#training = training;
  }

  log(recipe: LogRecipe, value: number | Tensor | LoggableMetric, batchSize: number | undefined): void {
    const suffix = recipe.dataloaderIdx === undefined || !recipe.addDataloaderIdx ? "" : `.${recipe.dataloaderIdx}`;
    const key = `${recipe.hook}.${recipe.name}${suffix}`;
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = newEntry(recipe);
      this.#entries.set(key, entry);
    } else if (!sameRecipe(entry.recipe, recipe)) {
      throw new MisconfigurationError(
        `You called \`log(${recipe.name}, ...)\` twice in \`${recipe.hook}\` with different arguments. This is not allowed`,
      );
    }
    if (batchSize !== undefined) this.batchSize = batchSize;
    entry.idle = false;
    entry.computed = undefined;
    if (isMetric(value)) {
      entry.metric = value;
      if (recipe.onStep && value.batchValue !== undefined) entry.step = Math.fround(toNumber(value.batchValue()));
      return;
    }
    const weight = recipe.onEpoch && recipe.reduceFx === "mean" ? this.#weight() : 1;
    if (typeof value !== "number" && value.device !== "cpu") {
      entry.pending.push({ tensor: value.detach().clone(), batchSize: weight });
      if (entry.pending.length >= 512) drain(entry);
    } else accumulate(entry, toNumber(value), weight);
  }

  #weight(): number {
    this.batchSize ??= batchSizeOf(this.batch) ?? 1;
    return this.batchSize;
  }

  /** Values as they are now: those of the step, or those of the epoch so far. */
  views(onStep: boolean): MetricViews {
    const views = emptyViews();
    for (const entry of this.#entries.values()) {
      const { recipe } = entry;
      if (entry.idle || recipe.dataloaderIdx !== this.dataloaderIdx) continue;
      const value = this.#valueOf(entry, onStep);
      if (value === undefined) continue;
      const suffix = recipe.addDataloaderIdx && recipe.dataloaderIdx !== undefined;
      const plain = suffix ? `${recipe.name}/dataloader_idx_${recipe.dataloaderIdx}` : recipe.name;
      const fork = recipe.onStep && recipe.onEpoch ? (onStep ? "_step" : "_epoch") : "";
      const forked = suffix ? `${recipe.name}${fork}/dataloader_idx_${recipe.dataloaderIdx}` : recipe.name + fork;
      if (recipe.logger) views.logged[forked] = value;
      if (this.#training || (recipe.onEpoch && !onStep)) {
        views.callback[plain] = value;
        views.callback[forked] = value;
      }
      if (recipe.progBar) views.progressBar[forked] = value;
    }
    return views;
  }

  #valueOf(entry: Accumulator, onStep: boolean): number | undefined {
    const { recipe } = entry;
    if (onStep ? !recipe.onStep : !recipe.onEpoch) return undefined;
    drain(entry);
    if (onStep) {
      if (entry.metric !== undefined && entry.metric.batchValue === undefined) return undefined;
      return entry.step;
    }
    if (entry.metric !== undefined) entry.computed ??= Math.fround(toNumber(entry.metric.compute()));
    else if (entry.computed === undefined) {
      const value = recipe.reduceFx === "mean" ? entry.value / entry.weight : entry.value;
      entry.computed = Math.fround(value);
    }
    return entry.computed;
  }

  // --- Distributed runs ---

  /** What this rank has summed up in the epoch, of the values that belong to all ranks. */
  shares(): EpochShare[] {
    return [...this.#entries].flatMap(([key, entry]) => {
      const { recipe } = entry;
      if (entry.idle || entry.metric !== undefined || !recipe.onEpoch) return [];
      if (!isPerBatch(recipe.hook) && !recipe.syncDist) return [];
      drain(entry);
      return [{ key, recipe, value: entry.value, weight: entry.weight }];
    });
  }

  /** Takes the epoch's values from those of all ranks; a rank that had no batch learns what the others logged. */
  takeShares(ranks: readonly (readonly EpochShare[])[]): void {
    for (const [key, { recipe, value }] of mergedShares(ranks)) {
      let entry = this.#entries.get(key);
      if (entry === undefined) {
        entry = newEntry(recipe);
        this.#entries.set(key, entry);
      }
      entry.idle = false;
      entry.computed = Math.fround(value);
    }
  }

  /** The values of this step that are wanted of all ranks (`syncDist`), by entry. */
  stepShares(): [key: string, value: number][] {
    return [...this.#entries].flatMap(([key, entry]) => {
      const { recipe } = entry;
      if (entry.idle || entry.metric !== undefined || !recipe.onStep || !recipe.syncDist) return [];
      drain(entry);
      return [[key, entry.step] as [string, number]];
    });
  }

  takeStepShares(ranks: readonly (readonly [key: string, value: number][])[]): void {
    for (const [key, entry] of this.#entries) {
      const values = ranks.flatMap((shares) => shares.filter(([other]) => other === key).map(([, value]) => value));
      if (values.length > 0) entry.step = Math.fround(reducedStep(values, entry.recipe.reduceFx));
    }
  }

  /** Starts the next epoch. */
  reset(): void {
    for (const entry of this.#entries.values()) {
      drain(entry);
      entry.metric?.reset();
      entry.step = Number.NaN;
      entry.value = initial[entry.recipe.reduceFx];
      entry.weight = 0;
      entry.computed = undefined;
      entry.idle = true;
    }
  }

  /** Starts one hook's values anew: its hook runs for the first time in this epoch. */
  resetHook(hook: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.recipe.hook !== hook || entry.metric !== undefined) continue;
      drain(entry);
      entry.step = Number.NaN;
      entry.value = initial[entry.recipe.reduceFx];
      entry.weight = 0;
      entry.computed = undefined;
    }
  }

  /** The metric objects that were logged since the last reset, which the next one resets. */
  metrics(): ReadonlySet<object> {
    return new Set([...this.#entries.values()].flatMap(({ metric, idle }) => (metric && !idle ? [metric] : [])));
  }

  /** Remembers the values logged so far. @returns what goes back to them; metric objects have marks of their own */
  mark(): () => void {
    const entries = [...this.#entries].map(([key, entry]) => {
      // What is logged until the next mark is then added to these, and not read with them.
      if (entry.pending.length >= 256) drain(entry);
      return [key, { ...entry, pending: [...entry.pending] }] as const;
    });
    return () => {
      for (const [key, { pending }] of this.#entries) {
        const kept = new Set(entries.find(([name]) => name === key)?.[1].pending.map(({ tensor }) => tensor));
        for (const { tensor } of pending) if (!kept.has(tensor)) tensor.dispose();
      }
      this.#entries.clear();
      for (const [key, entry] of entries) {
        this.#entries.set(key, { ...entry, pending: entry.pending.filter(({ tensor }) => !tensor.isDisposed) });
      }
    };
  }

  /** @param pathOf where in the module a metric object is */
  stateDict(pathOf: (metric: object) => string | undefined): ResultState {
    return [...this.#entries].map(([key, entry]) => {
      drain(entry);
      const { recipe, step, value, weight, computed = null, idle } = entry;
      const metric = entry.metric === undefined ? null : (pathOf(entry.metric) ?? null);
      return [key, { recipe, step, value, weight, computed, idle, metric }] as const;
    });
  }

  loadStateDict(state: ResultState, metricAt: (path: string) => LoggableMetric | undefined): void {
    this.#entries.clear();
    for (const [key, saved] of state) {
      this.#entries.set(key, {
        ...saved,
        recipe: { ...saved.recipe, dataloaderIdx: saved.recipe.dataloaderIdx ?? undefined },
        computed: saved.computed ?? undefined,
        metric: saved.metric === null ? undefined : metricAt(saved.metric),
        pending: [],
      });
    }
  }
}

function newEntry(recipe: LogRecipe): Accumulator {
  return {
    recipe,
    metric: undefined,
    step: Number.NaN,
    value: initial[recipe.reduceFx],
    weight: 0,
    computed: undefined,
    pending: [],
    idle: false,
  };
}

function accumulate(entry: Accumulator, value: number, weight: number): void {
  const { recipe } = entry;
  // The trainer's values are float32 wherever Lightning's are: comparisons of callbacks depend on it.
  const single = Math.fround(value);
  if (recipe.onStep) entry.step = single;
  if (!recipe.onEpoch) return;
  switch (recipe.reduceFx) {
    case "mean":
      entry.value += single * weight;
      entry.weight += weight;
      break;
    case "sum":
      entry.value += single;
      break;
    case "min":
      entry.value = Math.min(entry.value, single);
      break;
    case "max":
      entry.value = Math.max(entry.value, single);
      break;
  }
}

function drain(entry: Accumulator): void {
  if (entry.pending.length === 0) return;
  const pending = entry.pending;
  entry.pending = [];
  for (const { tensor, batchSize } of pending) {
    accumulate(entry, tensor.item(), batchSize);
    tensor.dispose();
  }
}

function isMetric(value: number | Tensor | LoggableMetric): value is LoggableMetric {
  return typeof value === "object" && "compute" in value && typeof value.compute === "function";
}

function toNumber(value: number | Tensor): number {
  return typeof value === "number" ? value : value.item();
}

function sameRecipe(a: LogRecipe, b: LogRecipe): boolean {
  return (
    a.progBar === b.progBar &&
    a.logger === b.logger &&
    a.onStep === b.onStep &&
    a.onEpoch === b.onEpoch &&
    a.reduceFx === b.reduceFx &&
    a.syncDist === b.syncDist &&
    a.dataloaderIdx === b.dataloaderIdx
  );
}

/** The first dimension of the first tensor found in a batch, or the length of a plain array of numbers. */
export function batchSizeOf(batch: unknown): number | undefined {
  if (typeof batch !== "object" || batch === null) return undefined;
  const shape = (batch as { shape?: unknown }).shape;
  if (Array.isArray(shape)) return shape.length === 0 ? 1 : (shape[0] as number);
  if (ArrayBuffer.isView(batch)) return (batch as unknown as { length?: number }).length;
  if (Array.isArray(batch) && batch.every((item) => typeof item !== "object")) return batch.length;
  for (const item of Object.values(batch)) {
    const size = batchSizeOf(item);
    if (size !== undefined) return size;
  }
  return undefined;
}
