import { computed, effect, signal } from "@preact/signals";
import type { ColumnNames, ColumnValues, RunSummary } from "../../src/api-types.ts";
import { api } from "./api.ts";
import { duration, shortNumber, statusLabel, timeText } from "./format.ts";
import { listParam, setParams } from "./params.ts";
import { isScanning, nameOf, runs } from "./runs.ts";

/** A column of the list of runs: `status`, `latest:val/loss`, `config:model.width`, ... */
export interface Column {
  readonly id: string;
  readonly title: string;
  /** What it is sorted and filtered by. */
  readonly value: (run: RunSummary) => string | number | undefined;
  readonly text: (run: RunSummary) => string;
  readonly isNumeric: boolean;
}

const own: readonly Column[] = [
  textColumn("name", "Name", nameOf),
  textColumn("status", "Status", ({ status }) => statusLabel(status)),
  numberColumn(
    "epoch",
    "Epoch",
    ({ epoch }) => epoch,
    (epoch, { maxEpochs }) => (maxEpochs === undefined ? String(epoch + 1) : `${epoch + 1}/${maxEpochs}`),
  ),
  numberColumn(
    "step",
    "Step",
    ({ step }) => step,
    (step) => step.toLocaleString("en-US"),
  ),
  numberColumn(
    "current",
    "Current",
    ({ latest, monitor }) => (monitor && latest[monitor.name]) ?? undefined,
    (value) => shortNumber(value),
  ),
  numberColumn(
    "best",
    "Best",
    ({ best }) => best?.value,
    (value) => shortNumber(value),
  ),
  numberColumn(
    "left",
    "Time left",
    ({ secondsLeft }) => secondsLeft,
    (seconds) => duration(seconds),
  ),
  numberColumn(
    "started",
    "Started",
    ({ startedAt }) => Date.parse(startedAt),
    (ms) => timeText(ms),
  ),
  numberColumn("duration", "Duration", durationOf, (seconds) => duration(seconds)),
  textColumn("tags", "Tags", ({ annotations }) => annotations.tags.join(", ")),
  textColumn("notes", "Notes", ({ annotations }) => annotations.notes),
  textColumn("kind", "Kind", ({ kind }) => kind),
  textColumn("sweep", "Sweep", ({ sweep }) => sweep ?? ""),
  textColumn("fold", "Fold", ({ fold }) => fold ?? ""),
  textColumn("host", "Host", ({ host }) => host),
  textColumn("folder", "Folder", ({ key }) => key),
];

function durationOf({ startedAt, finishedAt, modifiedAt, status }: RunSummary): number {
  const end = finishedAt !== undefined ? Date.parse(finishedAt) : status === "running" ? Date.now() : modifiedAt;
  return Math.max(0, (end - Date.parse(startedAt)) / 1000);
}

function textColumn(id: string, title: string, value: (run: RunSummary) => string): Column {
  return { id, title, value, text: value, isNumeric: false };
}

function numberColumn(
  id: string,
  title: string,
  value: (run: RunSummary) => number | undefined,
  text: (value: number, run: RunSummary) => string,
): Column {
  return {
    id,
    title,
    value,
    isNumeric: true,
    text: (run) => {
      const number = value(run);
      return number === undefined ? "" : text(number, run);
    },
  };
}

export const metricNames = computed(() => {
  const names = new Set<string>();
  for (const { latest } of runs.value.values()) for (const name of Object.keys(latest)) names.add(name);
  return [...names].sort();
});

/** Names of configuration values, those that differ among the runs first. */
export const configNames = signal<ColumnNames["config"]>([]);
const configValues = signal<ReadonlyMap<string, ColumnValues>>(new Map());

/** Asks for the names of configuration values. */
export async function loadConfigNames(): Promise<void> {
  configNames.value = (await api<ColumnNames>("columns")).config;
}

const wanted = signal<ReadonlySet<string>>(new Set());

/** Asks for a configuration value of all runs, now and when runs are added. */
export function wantConfig(name: string): void {
  if (!wanted.peek().has(name)) wanted.value = new Set([...wanted.peek(), name]);
}

const runCount = computed(() => runs.value.size);
/** How many runs there were when a value was asked for: configurations do not change, only new runs have new ones. */
const askedAt = new Map<string, number>();

effect(() => {
  const count = runCount.value;
  if (count === 0 || isScanning.value) return;
  for (const name of wanted.value) {
    if (askedAt.get(name) === count) continue;
    askedAt.set(name, count);
    api<ColumnValues>(`columns/config?name=${encodeURIComponent(name)}`).then(
      (values) => {
        configValues.value = new Map([...configValues.peek(), [name, values]]);
      },
      () => askedAt.delete(name),
    );
  }
});

/** A column by its id, in the list or in a filter, where the prefix may be left out. */
export function columnOf(id: string): Column | undefined {
  const known = own.find((column) => column.id === id);
  if (known !== undefined) return known;
  if (id.startsWith("latest:")) return metricColumn(id.slice("latest:".length));
  if (id.startsWith("config:")) return configColumn(id.slice("config:".length));
  if (metricNames.value.includes(id)) return metricColumn(id);
  return configNames.value.some(({ name }) => name === id) ? configColumn(id) : undefined;
}

function metricColumn(name: string): Column {
  return numberColumn(
    `latest:${name}`,
    name,
    ({ latest }) => latest[name] ?? undefined,
    (value) => shortNumber(value),
  );
}

function configColumn(name: string): Column {
  wantConfig(name);
  const value = ({ key }: RunSummary) => {
    const text = configValues.value.get(name)?.[key];
    return text === undefined || text === "" || Number.isNaN(Number(text)) ? text : Number(text);
  };
  return { id: `config:${name}`, title: name, value, text: (run) => String(value(run) ?? ""), isNumeric: false };
}

const shown = listParam("col");
const shownAtFirst = ["status", "epoch", "current", "best", "left", "started", "duration", "tags"];

/** The columns that are shown after the name, in order. */
export const shownColumns = computed(() => {
  const ids = shown.value ?? shownAtFirst;
  return ids.flatMap((id) => columnOf(id) ?? []);
});

export function setColumns(ids: readonly string[]): void {
  const isFirst = ids.join() === shownAtFirst.join();
  setParams({ col: isFirst ? undefined : ids.length === 0 ? [""] : ids });
}

/** What can be added to the list. */
export const choosable = computed(() => [
  ...own.filter(({ id }) => id !== "name").map(({ id, title }) => ({ id, title, about: "run" })),
  ...metricNames.value.map((name) => ({ id: `latest:${name}`, title: name, about: "newest value" })),
  ...configNames.value.map(({ name, distinct }) => ({
    id: `config:${name}`,
    title: name,
    about: distinct > 1 ? `configuration, ${distinct} values` : "configuration, the same in all",
  })),
]);
