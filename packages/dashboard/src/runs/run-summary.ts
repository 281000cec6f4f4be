import { existsSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import {
  fileInside,
  isInside,
  type Run,
  type RunRecord,
  readAnnotations,
  readLatestRow,
  runPaths,
  type Timeline,
} from "@classifier-training/runs";
import { classMetric, type RunSummary, type ShownStatus } from "../api-types.ts";

/** A run that says it is running and wrote nothing for as long may be hanging, or its machine be gone. */
const staleAfterMs = 15 * 60_000;
/** Beyond these, metrics are curves only. */
const maxLatest = 200;

/** The path of a run in addresses. */
export function keyOf(root: string, dir: string): string {
  return relative(root, dir).split(sep).join("/") || ".";
}

/** Where a run's metrics are, or will be; `undefined` when they lead out of the run. */
export function metricsPath({ dir, record }: Run): string | undefined {
  return growingFile(dir, record.metricsPath);
}

/** Where a file of a run is, or will be; `undefined` when it leads out of the run. */
export function growingFile(dir: string, name: string): string | undefined {
  const path = join(dir, name);
  return existsSync(path) ? fileInside(dir, name) : isInside(dir, path) ? path : undefined;
}

/** How a run stands that was last written to at a time in milliseconds. */
export function shownStatus(status: Run["status"], modifiedAt: number): ShownStatus {
  return status === "running" && Date.now() - modifiedAt > staleAfterMs ? "stale" : status;
}

/**
 * A row of the list.
 * @param values the run's configuration by dotted key
 * @param timeline of a running run
 */
export function summaryOf(
  root: string,
  run: Run,
  values: Readonly<Record<string, string>>,
  timeline: Timeline | undefined,
): RunSummary {
  const { dir, record, status } = run;
  const metrics = metricsPath(run);
  const row = metrics === undefined ? {} : readLatestRow(metrics);
  const { size = 0, ino = 0, mtimeMs = 0 } = (metrics && statSync(metrics, { throwIfNoEntry: false })) || {};
  const modifiedAt = Math.max(run.modifiedAt, mtimeMs);
  const above = keyOf(root, dir).includes("/") ? dirname(dir) : undefined;
  const isSwept = above !== undefined && existsSync(join(above, runPaths.sweepConfig));
  const fold = values["data.fold"];
  return {
    key: keyOf(root, dir),
    ...named(record),
    status: shownStatus(status, modifiedAt),
    modifiedAt,
    latest: latestOf(row),
    ...progressOf(run, row, values, timeline),
    ...(isSwept && { sweep: keyOf(root, above) }),
    ...(fold !== undefined && fold !== "null" && { fold }),
    annotations: readAnnotations(dir),
    metricsVersion: `${ino}-${size}-${mtimeMs}`,
  };
}

function named(record: RunRecord) {
  const { id, name, kind, startedAt, finishedAt, host, monitor, best, error, continues } = record;
  return {
    id,
    name,
    kind,
    startedAt,
    host,
    ...(finishedAt !== undefined && { finishedAt }),
    ...(monitor && { monitor }),
    ...(best && { best }),
    ...(error !== undefined && { error }),
    ...(continues && { resumed: { id: continues.id, step: continues.step } }),
  };
}

function latestOf(row: Readonly<Record<string, number | string>>): Record<string, number | null> {
  const entries = Object.entries(row)
    .filter(([name, value]) => typeof value === "number" && !axes.has(name) && !classMetric.test(name))
    .slice(0, maxLatest)
    .map(([name, value]): [string, number | null] => [name, Number.isFinite(value) ? (value as number) : null]);
  return Object.fromEntries(entries);
}

/** Columns that are axes, not curves. */
export const axes: ReadonlySet<string> = new Set(["step", "epoch"]);

function progressOf(
  run: Run,
  row: Readonly<Record<string, number | string>>,
  values: Readonly<Record<string, string>>,
  timeline: Timeline | undefined,
) {
  const { plan } = run.record;
  const numberOf = (value: unknown) => (typeof value === "number" && Number.isFinite(value) ? value : undefined);
  const epoch = numberOf(row["epoch"]);
  const step = numberOf(row["step"]);
  const limit = Number(values["trainer.max_epochs"] ?? Number.NaN);
  const maxEpochs = plan?.epochs ?? (Number.isInteger(limit) && limit > 0 ? limit : undefined);
  const secondsLeft =
    run.status === "running" ? timeLeft({ ...plan, epochs: maxEpochs }, { step, epoch }, timeline) : undefined;
  return {
    ...(epoch !== undefined && { epoch }),
    ...(step !== undefined && { step }),
    ...(maxEpochs !== undefined && { maxEpochs }),
    ...(secondsLeft !== undefined && { secondsLeft }),
  };
}

type Plan = NonNullable<RunRecord["plan"]>;

interface Progress {
  readonly step: number | undefined;
  readonly epoch: number | undefined;
}

/** Seconds until the planned epochs are over, or the time limit ends them, whatever comes first. */
function timeLeft(plan: Plan, progress: Progress, timeline: Timeline | undefined): number | undefined {
  const byLimit = plan.endsBy === undefined ? Number.NaN : (Date.parse(plan.endsBy) - Date.now()) / 1000;
  const known = [byLimit, timeLeftAtSpeed(plan, progress, timeline)].filter(Number.isFinite);
  return known.length === 0 ? undefined : Math.max(0, Math.round(Math.min(...known)));
}

/** Epochs are taken to be equally long, and the rest to be as fast as the run was since its last start. */
function timeLeftAtSpeed({ epochs, stepsPerEpoch }: Plan, { step, epoch }: Progress, timeline: Timeline | undefined) {
  if (epochs === undefined || step === undefined || timeline === undefined) return Number.NaN;
  const { steps, times, resumed } = timeline;
  const firstStep = resumed.at(-1) ?? steps[0];
  const first = firstStep === undefined ? -1 : steps.lastIndexOf(firstStep);
  const last = steps.length - 1;
  if (first < 0 || first >= last) return Number.NaN;
  const secondsAStep =
    ((times[last] as number) - (times[first] as number)) / ((steps[last] as number) - (steps[first] as number));
  // Of a run that does not say it: the epoch that runs is somewhere between its start and its end.
  const estimated = epoch === undefined || epoch === 0 ? Number.NaN : step / (epoch + 0.5);
  return secondsAStep * Math.max(0, (stepsPerEpoch ?? estimated) * epochs - (step + 1));
}
