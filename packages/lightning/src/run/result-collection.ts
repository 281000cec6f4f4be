import type { Tensor } from "@classifier-training/torch";
import {
  emptyViews,
  type LoggableMetric,
  type LogRecipe,
  type MetricViews,
  type ResultState,
} from "../metrics/logged-values.ts";
import { MisconfigurationError } from "../utilities/errors.ts";
import { Accumulator, mergedRanks, type RankValue } from "./accumulator.ts";
import { isPerBatch } from "./log-rules.ts";

/** What `log()` was called with in an epoch, by hook and name, as in Lightning's result collection. */
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
    const entry = this.#entry(`${recipe.hook}.${recipe.name}${suffix}`, recipe);
    if (!sameRecipe(entry.recipe, recipe)) {
      throw new MisconfigurationError(
        `You called \`log(${recipe.name}, ...)\` twice in \`${recipe.hook}\` with different arguments. This is not allowed`,
      );
    }
    if (batchSize !== undefined) this.batchSize = batchSize;
    entry.begin();
    if (isMetric(value)) entry.addMetric(value);
    else entry.add(value, recipe.onEpoch && recipe.reduceFx === "mean" ? this.#weight() : 1);
  }

  #entry(key: string, recipe: LogRecipe): Accumulator {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = new Accumulator(recipe);
      this.#entries.set(key, entry);
    }
    return entry;
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
      const value = entry.valueOf(onStep);
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

  // --- Distributed runs ---

  /** What this rank has reduced in the epoch, of the values that belong to all ranks. */
  rankValues(): RankValue[] {
    return [...this.#entries].flatMap(([key, entry]) => {
      const { recipe } = entry;
      if (entry.idle || entry.metric !== undefined || !recipe.onEpoch) return [];
      return isPerBatch(recipe.hook) || recipe.syncDist ? [entry.rankValue(key)] : [];
    });
  }

  /** Takes the epoch's values from those of all ranks; a rank without a batch gets what the others logged. */
  takeRankValues(ranks: readonly (readonly RankValue[])[]): void {
    for (const [key, { recipe, value }] of mergedRanks(ranks)) this.#entry(key, recipe).setEpochValue(value);
  }

  /** The values of this step that are wanted of all ranks (`syncDist`), by entry. */
  stepValues(): [key: string, value: number][] {
    return [...this.#entries].flatMap(([key, entry]) => {
      const { onStep, syncDist } = entry.recipe;
      if (entry.idle || entry.metric !== undefined || !onStep || !syncDist) return [];
      return [[key, entry.stepValue()] as [string, number]];
    });
  }

  takeStepValues(ranks: readonly (readonly [key: string, value: number][])[]): void {
    for (const [key, entry] of this.#entries) {
      const values = ranks.flatMap((rank) => rank.filter(([other]) => other === key).map(([, value]) => value));
      if (values.length > 0) entry.setStepValues(values);
    }
  }

  // --- Epochs ---

  /** Starts the next epoch. */
  reset(): void {
    for (const entry of this.#entries.values()) {
      entry.reset();
      entry.metric?.reset();
      entry.idle = true;
    }
  }

  /** Starts one hook's values anew: its hook runs for the first time in this epoch. */
  resetHook(hook: string): void {
    for (const entry of this.#entries.values()) {
      if (entry.recipe.hook === hook && entry.metric === undefined) entry.reset();
    }
  }

  /** The metric objects that were logged since the last reset, which the next one resets. */
  metrics(): ReadonlySet<object> {
    return new Set([...this.#entries.values()].flatMap(({ metric, idle }) => (metric && !idle ? [metric] : [])));
  }

  // --- Going back, and checkpoints ---

  /** Remembers the values logged so far. @returns what goes back to them; metric objects have marks of their own */
  mark(): () => void {
    const before = new Map([...this.#entries].map(([key, entry]) => [key, entry.copy()]));
    return () => {
      for (const [key, entry] of this.#entries) entry.disposeSince(before.get(key));
      this.#entries.clear();
      for (const [key, entry] of before) this.#entries.set(key, entry.restored());
    };
  }

  /** @param pathOf where in the module a metric object is */
  stateDict(pathOf: (metric: object) => string | undefined): ResultState {
    return [...this.#entries].map(([key, entry]) => {
      const metric = entry.metric === undefined ? null : (pathOf(entry.metric) ?? null);
      return [key, entry.state(metric)] as const;
    });
  }

  loadStateDict(state: ResultState, metricAt: (path: string) => LoggableMetric | undefined): void {
    this.#entries.clear();
    for (const [key, saved] of state) {
      const metric = saved.metric === null ? undefined : metricAt(saved.metric);
      this.#entries.set(key, Accumulator.fromState(saved, metric));
    }
  }
}

function isMetric(value: number | Tensor | LoggableMetric): value is LoggableMetric {
  return typeof value === "object" && "compute" in value && typeof value.compute === "function";
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
function batchSizeOf(batch: unknown): number | undefined {
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
