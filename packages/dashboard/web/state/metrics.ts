import { effect, signal } from "@preact/signals";
import type { RunMetrics, Series } from "../../src/api-types.ts";
import { api, runPath } from "./api.ts";
import { runs } from "./runs.ts";
import { selectedKeys } from "./selection.ts";

export interface LoadedMetrics extends RunMetrics {
  /** The state of the run's file that was asked for. */
  readonly version: string;
}

/** Curves of the runs that are shown, as far as they have arrived. */
export const metrics = signal<ReadonlyMap<string, LoadedMetrics>>(new Map());
/** Why the curves of a run did not arrive. */
export const metricsErrors = signal<ReadonlyMap<string, string>>(new Map());

const inFlight = new Set<string>();
/** Runs that are not shown keep their curves, this many. */
const maxKept = 40;
/** Points of a curve that are added before it is downsampled anew. */
const maxAdded = 4000;

async function load(key: string, version: string): Promise<void> {
  if (inFlight.has(key)) return;
  inFlight.add(key);
  try {
    const before = metrics.value.get(key);
    const continued = before === undefined || longest(before) > maxAdded ? "" : continuedBy(before);
    const reply = await api<RunMetrics>(runPath(key, `/metrics${continued}`));
    const next = new Map(metrics.value);
    next.delete(key);
    next.set(key, { ...(reply.isAddition && before ? joined(before, reply) : reply), version });
    for (const old of next.keys()) if (next.size > maxKept && !selectedKeys.value.includes(old)) next.delete(old);
    metrics.value = next;
    note(key, undefined);
  } catch (error) {
    note(key, (error as Error).message);
  } finally {
    inFlight.delete(key);
  }
  // What was written meanwhile.
  const now = runs.value.get(key)?.metricsVersion;
  if (now !== undefined && now !== version && selectedKeys.value.includes(key)) await load(key, now);
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

function note(key: string, error: string | undefined): void {
  if (metricsErrors.value.get(key) === error) return;
  const next = new Map(metricsErrors.value);
  if (error === undefined) next.delete(key);
  else next.set(key, error);
  metricsErrors.value = next;
}

/** Keeps the curves of the runs that are shown as new as the list of runs. */
export function followMetrics(): () => void {
  return effect(() => {
    for (const key of selectedKeys.value) {
      const version = runs.value.get(key)?.metricsVersion;
      if (version !== undefined && metrics.peek().get(key)?.version !== version) void load(key, version);
    }
  });
}
