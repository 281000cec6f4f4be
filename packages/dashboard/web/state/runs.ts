import { computed, signal } from "@preact/signals";
import type { RunChanges, RunSummary } from "../../src/api-types.ts";
import { api, extensions, openSession } from "./api.ts";
import { setExtensionStates } from "./extensions.ts";
import { param } from "./params.ts";

/** How the page hears of changes. */
export type Connection = "connecting" | "live" | "polling" | "offline";

export const connection = signal<Connection>("connecting");
/** All runs by key. */
export const runs = signal<ReadonlyMap<string, RunSummary>>(new Map());
/** The list is not complete yet. */
export const isScanning = signal(true);

export const showArchived = param("archived");

/** Newest first; a run that was resumed elsewhere is part of the run that resumed it. */
export const listedRuns = computed((): readonly RunSummary[] => {
  const all = [...runs.value.values()];
  const resumed = new Set(all.flatMap((run) => (run.resumed && run.resumed.id !== run.id ? [run.resumed.id] : [])));
  return all
    .filter((run) => !resumed.has(run.id) && (showArchived.value !== "" || !run.annotations.archived))
    .sort((a, b) => (a.startedAt < b.startedAt ? 1 : a.startedAt > b.startedAt ? -1 : a.key < b.key ? -1 : 1));
});

/** What a run is called on the page. */
export function nameOf(run: RunSummary): string {
  return run.annotations.name || run.name;
}

let cursor: string | undefined;
let stream: EventSource | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;
let failures = 0;

const maxFailures = 3;
const pollMs = 5000;
/** Polls before the stream is tried again. */
const pollsBeforeStream = 12;

function apply(changes: RunChanges): void {
  cursor = changes.cursor;
  const next = new Map(changes.reset ? [] : runs.value);
  for (const key of changes.removed) next.delete(key);
  for (const run of changes.runs) next.set(run.key, run);
  if (changes.reset || changes.removed.length > 0 || changes.runs.length > 0) runs.value = next;
  isScanning.value = changes.isScanning;
}

function stop(): void {
  stream?.close();
  stream = undefined;
  clearTimeout(timer);
}

function listen(): void {
  stop();
  stream = new EventSource(`api/stream${since()}`);
  stream.addEventListener("message", ({ data }) => {
    failures = 0;
    connection.value = "live";
    apply(JSON.parse(data as string) as RunChanges);
  });
  for (const name of extensions.value ?? []) {
    stream.addEventListener(name, ({ data }) => setExtensionStates({ [name]: JSON.parse(data as string) }));
  }
  stream.addEventListener("error", () => {
    failures++;
    connection.value = "offline";
    // The browser connects again by itself, unless the answer was not a stream, or something between holds streams back.
    if (stream?.readyState === EventSource.CLOSED || failures >= maxFailures) void poll(pollsBeforeStream);
  });
}

/** The same changes without a stream. */
async function poll(times: number): Promise<void> {
  stop();
  try {
    await refresh();
    connection.value = "polling";
  } catch {
    connection.value = "offline";
  }
  timer = setTimeout(() => (times > 0 ? void poll(times - 1) : listen()), pollMs);
}

/** Asks at once: also after something was written. */
export async function refresh(): Promise<void> {
  apply(await api<RunChanges>(`runs${since()}`));
  if (extensions.value?.length) setExtensionStates(await api<Readonly<Record<string, unknown>>>("states"));
}

function since(): string {
  return cursor === undefined ? "" : `?since=${encodeURIComponent(cursor)}`;
}

/** Follows the runs for as long as someone looks at the page. */
export function follow(): void {
  const start = () => {
    if (document.hidden) return stop();
    failures = 0;
    openSession()
      .catch(() => {
        connection.value = "offline";
      })
      .finally(() => document.hidden || listen());
  };
  document.addEventListener("visibilitychange", start);
  start();
}
