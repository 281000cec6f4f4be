import { getLogger } from "@classifier-training/base";
import type { optim } from "@classifier-training/torch";
import type { Configured, ConfiguredScheduler } from "../checkpoint/checkpoint.ts";
import type { SchedulerConfig } from "../core/optimizers.ts";
import type { Progress } from "./progress.ts";

const log = getLogger("lightning.resume");

type Options = Readonly<Record<string, unknown>>;

export function configuredBy(
  optimizers: readonly optim.Optimizer[],
  schedulers: readonly SchedulerConfig[],
): Configured {
  return {
    optimizers: optimizers.map(({ paramGroups }) => paramGroups.map(({ params: _, ...options }) => plain(options))),
    schedulers: schedulers.map(({ scheduler, interval, frequency, reduceOnPlateau }) => ({
      kind: scheduler.constructor.name,
      interval,
      frequency,
      state: reduceOnPlateau || !("lastEpoch" in scheduler) ? undefined : structuredClone(scheduler.stateDict()),
    })),
  };
}

function plain(options: Options): Options {
  const isPlain = (value: unknown) => typeof value !== "object" || value === null || Array.isArray(value);
  return Object.fromEntries(Object.entries(options).filter(([, value]) => isPlain(value)));
}

interface Parts {
  readonly optimizers: readonly optim.Optimizer[];
  readonly schedulers: readonly SchedulerConfig[];
  readonly progress: Progress;
}

/**
 * Loads the states of schedulers, and lets what has changed in the configuration since they were saved take effect: options
 * of optimizers hold from here on, and a schedule continues at its place in the new one, as if it had been so from the start.
 * One line says what changed. The states of the optimizers are loaded already.
 * @param saved what was configured when the checkpoint was made
 * @param now what is configured in this run
 */
export function loadSchedules(
  states: readonly Record<string, unknown>[],
  saved: Configured | undefined,
  now: Configured,
  { optimizers, schedulers, progress }: Parts,
): void {
  const changes: string[] = [];
  // A callback (SWA) may have put another one in its place, whose state is its own.
  const isConfigured = (i: number) => schedulers[i]?.scheduler.constructor.name === now.schedulers[i]?.kind;
  const isNew = schedulers.map((_, i) => isConfigured(i) && differs(saved?.schedulers[i], now.schedulers[i]));
  for (const [i, { scheduler }] of schedulers.entries()) {
    const state = states[i];
    // That of another kind would be refused.
    if (state !== undefined && saved?.schedulers[i]?.kind !== undefined && isNew[i] && now.schedulers[i]?.state)
      continue;
    if (state !== undefined) scheduler.loadStateDict(state);
  }
  for (const [i, optimizer] of optimizers.entries()) {
    const configured = now.optimizers[i] ?? [];
    const changed = changedOptions(saved?.optimizers[i] ?? [], configured);
    const own = [...schedulers.keys()].filter((at) => schedulers[at]?.scheduler.optimizer === optimizer);
    const mustReplay = own.some((at) => isNew[at]) || changed.some(({ name }) => scheduled.has(name));
    const canReplay = own.every((at) => isConfigured(at) && now.schedulers[at]?.state !== undefined);
    for (const { group, name, from, to } of changed) {
      if (scheduled.has(name) && own.length > 0) continue;
      Object.assign(optimizer.paramGroups[group] ?? {}, { [name]: configured[group]?.[name] });
      changes.push(`${name} was ${from} and is ${to}`);
    }
    if (!mustReplay || own.length === 0) continue;
    const what = [
      ...changed
        .filter(({ name }) => scheduled.has(name) && name !== "lr")
        .map(({ name, from, to }) => `${name} ${from} to ${to}`),
      ...own.flatMap((at) => describe(saved?.schedulers[at], now.schedulers[at])),
    ];
    const why = [...new Set(what)].slice(0, 3).join(", ");
    const before = rateOf(optimizer);
    if (!canReplay) {
      changes.push(`the learning rate (${why}), which depends on what the schedule has seen: it stays at ${before}`);
      continue;
    }
    // A base rate that was found in the run (by a finder, say) stays in proportion.
    const found = optimizer.paramGroups.map(({ initialLr = 1 }, at) => {
      const before = saved?.optimizers[i]?.[at]?.["initialLr"];
      return typeof before === "number" && before > 0 ? initialLr / before : 1;
    });
    for (const [at, options] of configured.entries()) {
      const group = optimizer.paramGroups[at];
      if (group === undefined) continue;
      for (const name of scheduled) if (name in options) group[name] = options[name];
      for (const name of ["lr", "initialLr"] as const) group[name] = (group[name] ?? 0) * (found[at] ?? 1);
    }
    for (const at of own) {
      const { scheduler, interval, frequency } = schedulers[at] as SchedulerConfig;
      const { state, interval: was } = saved?.schedulers[at] ?? {};
      scheduler.loadStateDict(scaled(now.schedulers[at]?.state ?? {}, found) as Record<string, unknown>);
      const counted = state === undefined || was !== interval ? undefined : states[at]?.["lastEpoch"];
      const units = interval === "epoch" ? progress.epoch : progress.batchesThatStepped;
      const steps = typeof counted === "number" ? counted : Math.floor(units / frequency);
      for (let step = 0; step < steps; step++) scheduler.step();
    }
    const here = rateOf(optimizer);
    const rates = here === before ? `stays at ${here} here` : `is ${here} here, it was ${before}`;
    changes.push(`the learning rate schedule is recomputed (${why}): the rate ${rates}`);
  }
  if (changes.length > 0)
    log.warning(`the configuration has changed since the checkpoint; ${[...new Set(changes)].join("; ")}`);
}

/** Options of a parameter group that schedules set. */
const scheduled: ReadonlySet<string> = new Set([
  "lr",
  "initialLr",
  "maxLr",
  "minLr",
  "momentum",
  "betas",
  "maxMomentum",
  "baseMomentum",
]);

interface Change {
  readonly group: number;
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

function changedOptions(before: readonly Options[], after: readonly Options[]): Change[] {
  return after.flatMap((options, group) =>
    Object.keys(options).flatMap((name) => {
      const [from, to = "unset"] = [JSON.stringify(before[group]?.[name]), JSON.stringify(options[name])];
      return from === undefined || from === to ? [] : [{ group, name, from, to }];
    }),
  );
}

function differs(before: ConfiguredScheduler | undefined, after: ConfiguredScheduler | undefined): boolean {
  return before !== undefined && JSON.stringify(before) !== JSON.stringify(after);
}

/** The options of a schedule that differ, such as `TMax 8 to 28`. */
function describe(before: ConfiguredScheduler | undefined, after: ConfiguredScheduler | undefined): string[] {
  if (before === undefined || after === undefined) return [];
  if (before.kind !== after.kind) return [`${before.kind} to ${after.kind}`];
  const [was, is] = [leaves(before), leaves(after)];
  return [...is].flatMap(([name, value]) => {
    const from = was.get(name);
    const label = name.split(".").at(-1);
    return from === undefined || from === value || derived.has(label ?? "") ? [] : [`${label} ${from} to ${value}`];
  });
}

/** Of a schedule's state: what follows from the rest. */
const derived: ReadonlySet<string> = new Set(["baseLrs", "lastLr", "0", "1"]);

function leaves(value: unknown, path = "", found = new Map<string, string>()): Map<string, string> {
  if (typeof value === "object" && value !== null)
    for (const [key, item] of Object.entries(value)) leaves(item, `${path}.${key}`, found);
  else found.set(path, JSON.stringify(value) ?? "unset");
  return found;
}

/** The state of a schedule whose base rates are so many times as large. */
function scaled(value: unknown, factors: readonly number[], key = ""): unknown {
  if (Array.isArray(value)) {
    const areRates = key === "baseLrs" || key === "lastLr";
    return value.map((item, i) => (areRates ? Number(item) * (factors[i] ?? 1) : scaled(item, factors)));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, scaled(item, factors, name)]));
}

function rateOf({ paramGroups }: optim.Optimizer): string {
  return [...new Set(paramGroups.map(({ lr }) => Number(lr.toPrecision(4))))].join(", ");
}
