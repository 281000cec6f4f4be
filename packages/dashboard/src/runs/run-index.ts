import { randomBytes } from "node:crypto";
import { type Dirent, existsSync, realpathSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { maskDocument, readRegularFile } from "@classifier-training/base";
import { fileInside, isInside, type Run, readRun, runPaths, TimelineReader } from "@classifier-training/runs";
import type { ColumnNames, ColumnValues, RunChanges, RunSummary } from "../api-types.ts";
import { configValues } from "./config-values.ts";
import { FolderWatcher } from "./folder-watcher.ts";
import { keyOf, shownStatus, summaryOf } from "./run-summary.ts";

interface Entry {
  readonly dir: string;
  /** Of the files that a summary is made of: nothing is read while it stays. */
  readonly stamp: string;
  readonly configStamp: string;
  readonly values: Readonly<Record<string, string>>;
  readonly summary: RunSummary;
  /** Of a running run: it is read as it grows. */
  readonly timeline: TimelineReader | undefined;
  /** Of the index, when the summary last changed. */
  readonly version: number;
}

const maxDepth = 5;
/** Runs that are looked at before others get a turn. */
const chunk = 20;
/** Of a configuration: what a page can still show. */
const maxConfigBytes = 16 * 2 ** 20;

/**
 * The runs below a folder. It follows the folders: by the file system's events, by looking at running runs each
 * `pollMs`, and by looking at all folders every `10 * pollMs`, or less often where that takes long. Only what changed is read.
 */
export class RunIndex {
  readonly root: string;
  readonly #pollMs: number;
  /** Tells cursors of an earlier server from those of this one. */
  readonly #id = randomBytes(6).toString("hex");
  readonly #entries = new Map<string, Entry>();
  /** Versions at which runs were removed. */
  readonly #removed = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  readonly #watcher = new FolderWatcher(() => this.#soon());
  #version = 0;
  #timers: NodeJS.Timeout[] = [];
  #scan: Promise<void> | undefined;
  #isWanted = false;
  #isClosed = false;
  #isFirst = true;

  constructor(root: string, pollMs: number) {
    this.root = resolve(root);
    this.#pollMs = pollMs;
    void this.scan();
    const tick = setInterval(() => this.#lookAtRunning(), pollMs);
    tick.unref();
    this.#timers.push(tick);
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#watcher.close();
    this.#listeners.clear();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What changed since a cursor that was given out before; everything for any other text. */
  changesSince(cursor: string | undefined): RunChanges {
    const [id, version = ""] = cursor?.split("-") ?? [];
    const since = id === this.#id && /^\d+$/.test(version) ? Number(version) : undefined;
    const entries = [...this.#entries.values()].filter((entry) => since === undefined || entry.version > since);
    const removed = since === undefined ? [] : [...this.#removed].filter(([, at]) => at > since).map(([key]) => key);
    return {
      cursor: `${this.#id}-${this.#version}`,
      reset: since === undefined,
      runs: entries.map(({ summary }) => summary),
      removed,
      isScanning: this.#isFirst,
    };
  }

  /** The run of a key; `undefined` when there is none, or the key leads out of the root. */
  find(key: string): Run | undefined {
    const dir = resolve(this.root, key);
    // The root itself may be a link, to where there is room for runs.
    if (!isInside(this.root, dir) || !existsSync(dir)) return undefined;
    if (!isInside(realpathSync(this.root), realpathSync(dir))) return undefined;
    return readRun(dir);
  }

  /** The row and the configuration of a run, as they are now. */
  entry({ dir }: Run): Pick<Entry, "summary" | "values"> | undefined {
    this.#lookAt(dir);
    return this.#entries.get(keyOf(this.root, dir));
  }

  columns(): ColumnNames {
    const distinct = new Map<string, Set<string>>();
    for (const { values } of this.#entries.values()) {
      for (const [name, value] of Object.entries(values)) {
        const seen = distinct.get(name) ?? new Set();
        distinct.set(name, seen.add(value));
      }
    }
    const names = [...distinct].map(([name, seen]) => ({ name, distinct: seen.size }));
    return { config: names.sort((a, b) => Number(b.distinct > 1) - Number(a.distinct > 1)) };
  }

  column(name: string): ColumnValues {
    const values: Record<string, string> = Object.create(null);
    for (const [key, entry] of this.#entries) {
      const value = entry.values[name];
      if (value !== undefined) values[key] = value;
    }
    return values;
  }

  /** Looks at all folders; one scan at a time. */
  scan(): Promise<void> {
    this.#isWanted = true;
    this.#scan ??= this.#scanAll().finally(() => {
      this.#scan = undefined;
    });
    return this.#scan;
  }

  async #scanAll(): Promise<void> {
    let took = 0;
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      const start = performance.now();
      const found = new Set<string>();
      await this.#visit(this.root, 0, found);
      for (const key of [...this.#entries.keys()]) if (!found.has(key)) this.#remove(key);
      took = performance.now() - start;
      if (this.#isFirst) this.#version++;
      this.#isFirst = false;
      this.#notify();
    }
    if (this.#isClosed) return;
    const timer = setTimeout(() => void this.scan(), Math.max(10 * this.#pollMs, 10 * took));
    timer.unref();
    this.#timers = [this.#timers[0] as NodeJS.Timeout, timer];
  }

  async #visit(dir: string, depth: number, found: Set<string>): Promise<void> {
    if (this.#isClosed) return;
    if (this.#lookAt(dir)) {
      if (found.add(keyOf(this.root, dir)).size % chunk === 0) {
        this.#notify();
        await setImmediate();
      }
      return;
    }
    if (depth === maxDepth) return;
    this.#watcher.add(dir);
    // Newest names first: what people look for is there before the rest is read.
    const folders = (await entriesOf(dir)).filter((entry) => entry.isDirectory() && isLookedInto(entry.name));
    for (const { name } of folders.sort((a, b) => (a.name < b.name ? 1 : -1)))
      await this.#visit(join(dir, name), depth + 1, found);
  }

  #lookAtRunning(): void {
    for (const { dir, summary } of this.#entries.values()) if (mayChange(summary)) this.#lookAt(dir);
    this.#notify();
  }

  /** Reads a run again if its files changed. @returns whether the folder is a run */
  #lookAt(dir: string): boolean {
    const key = keyOf(this.root, dir);
    const known = this.#entries.get(key);
    const stamp = stampOf(dir, [runPaths.record, runPaths.metrics, runPaths.annotations, runPaths.config]);
    const same = known?.stamp === stamp ? known.summary : undefined;
    if (same !== undefined && !mayChange(same)) return true;
    try {
      const run = readRun(dir);
      if (run === undefined) {
        if (known !== undefined) this.#remove(key);
        return false;
      }
      // A process that is gone or hangs changes no file.
      if (same !== undefined && shownStatus(run.status, same.modifiedAt) === same.status) return true;
      const configStamp = stampOf(dir, [runPaths.config]);
      const values = known?.configStamp === configStamp ? known.values : configValues(configText(run) ?? "");
      const timeline =
        run.status === "running" ? (known?.timeline ?? new TimelineReader(join(dir, runPaths.timeline))) : undefined;
      const summary = summaryOf(this.root, run, values, timeline?.poll());
      this.#removed.delete(key);
      this.#entries.set(key, { dir, stamp, configStamp, values, summary, timeline, version: ++this.#version });
    } catch {
      // It is being replaced or deleted: the next look sees what became of it.
    }
    return true;
  }

  #remove(key: string): void {
    this.#entries.delete(key);
    this.#removed.set(key, ++this.#version);
  }

  #notifiedVersion = -1;
  #notify(): void {
    if (this.#notifiedVersion === this.#version) return;
    this.#notifiedVersion = this.#version;
    for (const listener of this.#listeners) listener();
  }

  #soonTimer: NodeJS.Timeout | undefined;
  #soon(): void {
    if (this.#soonTimer !== undefined || this.#isClosed) return;
    this.#soonTimer = setTimeout(
      () => {
        this.#soonTimer = undefined;
        void this.scan();
      },
      Math.min(200, this.#pollMs),
    );
    this.#soonTimer.unref();
  }
}

/** The configuration of a run as text, secrets masked. */
export function configText({ dir, record }: Run): string | undefined {
  return textInside(dir, record.configPath);
}

/** A text of a run, secrets masked; `undefined` when it is not there or not inside. */
export function textInside(dir: string, path: string | undefined): string | undefined {
  const file = path === undefined ? undefined : fileInside(dir, path);
  return file === undefined ? undefined : maskDocument(readRegularFile(file, maxConfigBytes).toString("utf8"));
}

function stampOf(dir: string, names: readonly string[]): string {
  return names
    .map((name) => {
      const stats = statSync(join(dir, name), { throwIfNoEntry: false });
      return stats === undefined ? "" : `${stats.mtimeMs}:${stats.size}:${stats.ino}`;
    })
    .join();
}

/** Whether a run may stand differently although its files are the same. */
const mayChange = ({ status }: RunSummary) => status === "running" || status === "stale";

const isLookedInto = (name: string) => !name.startsWith(".") && name !== "node_modules";

async function entriesOf(dir: string): Promise<Dirent[]> {
  try {
    return await readdir(dir, { withFileTypes: true });
  } catch {
    return [];
  }
}
