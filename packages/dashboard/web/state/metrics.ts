import { effect, signal } from "@preact/signals";
import type { RunMetrics, Series } from "../../src/api-types.ts";
import { api, runPath } from "./api.ts";
import { runs } from "./runs.ts";
import { selectedKeys } from "./selection.ts";

export interface LoadedMetrics extends RunMetrics {
  /** The state of the run's file that was asked for. */
  readonly version: string;
}

/** Runs whose curves a view needs besides those that are shown. */
const wanted = signal<readonly string[]>([]);

/** Loads the curves of a run and keeps them new, until the function that it returns is called. */
export function wantMetrics(key: string): () => void {
  wanted.value = [...wanted.peek(), key];
  return () => {
    const at = wanted.peek().indexOf(key);
    wanted.value = wanted.peek().filter((_, i) => i !== at);
  };
}

const isNeeded = (key: string) => selectedKeys.value.includes(key) || wanted.value.includes(key);

/** Runs that are not shown keep their curves, this many. */
const maxKept = 40;
/** Points of a curve that are added before it is downsampled anew. */
const maxAdded = 4000;

/** One kind of curves of the runs that are shown, as far as they have arrived. @param part of a run's address */
class Curves {
  readonly loaded = signal<ReadonlyMap<string, LoadedMetrics>>(new Map());
  /** Why those of a run did not arrive. */
  readonly errors = signal<ReadonlyMap<string, string>>(new Map());
  readonly #part: string;
  readonly #inFlight = new Set<string>();

  constructor(part: string) {
    this.#part = part;
  }

  /** Keeps the curves of the runs that are shown as new as the list of runs, until the returned function is called. */
  follow(): () => void {
    return effect(() => {
      for (const key of new Set([...selectedKeys.value, ...wanted.value])) {
        const version = runs.value.get(key)?.metricsVersion;
        if (version !== undefined && this.loaded.peek().get(key)?.version !== version) void this.#load(key, version);
      }
    });
  }

  async #load(key: string, version: string): Promise<void> {
    if (this.#inFlight.has(key)) return;
    this.#inFlight.add(key);
    try {
      const before = this.loaded.value.get(key);
      const continued = before === undefined || longest(before) > maxAdded ? "" : continuedBy(before);
      const reply = await api<RunMetrics>(runPath(key, `/${this.#part}${continued}`));
      const next = new Map(this.loaded.value);
      next.delete(key);
      next.set(key, { ...(reply.isAddition && before ? joined(before, reply) : reply), version });
      for (const old of next.keys()) if (next.size > maxKept && !isNeeded(old)) next.delete(old);
      this.loaded.value = next;
      this.#note(key, undefined);
    } catch (error) {
      this.#note(key, (error as Error).message);
    } finally {
      this.#inFlight.delete(key);
    }
    // What was written meanwhile.
    const now = runs.value.get(key)?.metricsVersion;
    if (now !== undefined && now !== version && isNeeded(key)) await this.#load(key, now);
  }

  #note(key: string, error: string | undefined): void {
    if (this.errors.value.get(key) === error) return;
    const next = new Map(this.errors.value);
    if (error === undefined) next.delete(key);
    else next.set(key, error);
    this.errors.value = next;
  }
}

const continuedBy = ({ generation, rows }: RunMetrics) => `?generation=${generation}&from=${rows}`;

function longest({ series }: RunMetrics): number {
  return Math.max(0, ...Object.values(series).map(({ steps }) => steps.length));
}

function joined(before: RunMetrics, added: RunMetrics): RunMetrics {
  const series: Record<string, Series> = { ...before.series };
  for (const [name, { steps, values }] of Object.entries(added.series)) {
    const known = series[name] ?? { steps: [], values: [] };
    series[name] = { steps: [...known.steps, ...steps], values: [...known.values, ...values] };
  }
  return { ...added, series, downsampled: before.downsampled };
}

const ofTraining = new Curves("metrics");
export const { loaded: metrics, errors: metricsErrors } = ofTraining;
export const followMetrics = () => ofTraining.follow();

/** Figures of the machine by the clock: steps are seconds since 1970. */
const ofSystem = new Curves("system");
export const systemMetrics = ofSystem.loaded;
export const followSystem = () => ofSystem.follow();
