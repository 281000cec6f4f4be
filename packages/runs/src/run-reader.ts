import { type Dirent, existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { basename, isAbsolute, join, relative, resolve, sep } from "node:path";
import { isProcessAlive, readRegularFile } from "@classifier-training/base";
import { classNamesOf, readLabelsMapping } from "./labels-mapping.ts";
import { runPaths } from "./names.ts";
import { type RunRecord, type RunStatus, runRecordSchema } from "./run-record.ts";

/** A run directory as a reader sees it. */
export interface Run {
  readonly dir: string;
  readonly status: RunStatus;
  readonly record: RunRecord;
  /** When anything of it last changed, milliseconds. */
  readonly modifiedAt: number;
}

/**
 * Reads a run directory; `undefined` for any other. A directory without `run.json` but with a `metrics.csv` or a
 * `.hydra/` (another tool's, or an older one) is a run with what is known of it.
 */
export function readRun(dir: string): Run | undefined {
  const recordPath = join(dir, runPaths.record);
  const metricsPath = join(dir, runPaths.metrics);
  const signs = [recordPath, metricsPath, join(dir, runPaths.config)].filter((path) => existsSync(path));
  const first = signs[0];
  if (first === undefined) return undefined;
  const modifiedAt = Math.max(...signs.map((path) => statSync(path).mtimeMs));
  const found = existsSync(recordPath) ? readRecord(recordPath) : undefined;
  if (found === undefined) {
    const record = runRecordSchema.parse({
      id: basename(dir),
      name: basename(dir),
      startedAt: new Date(statSync(first).mtimeMs).toISOString(),
    });
    return { dir, status: "lost", record: withDefaults(dir, record), modifiedAt };
  }
  const gone =
    found.status === "running" && found.host === hostname() && found.pid !== undefined && !isProcessAlive(found.pid);
  return { dir, status: gone ? "lost" : found.status, record: withDefaults(dir, found), modifiedAt };
}

/** All run directories under `root` (itself included), newest first. Does not look inside a run for further ones. */
export function listRuns(root: string, { maxDepth = 5 }: { readonly maxDepth?: number } = {}): Run[] {
  const runs: Run[] = [];
  const visit = (dir: string, depth: number) => {
    const run = readRun(dir);
    if (run !== undefined) runs.push(run);
    if (run !== undefined || depth === maxDepth) return;
    for (const entry of entries(dir)) {
      if (entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules") {
        visit(join(dir, entry.name), depth + 1);
      }
    }
  };
  visit(root, 0);
  return runs.sort((a, b) => b.record.startedAt.localeCompare(a.record.startedAt) || a.dir.localeCompare(b.dir));
}

/** Images in a run directory, as paths relative to it with `/`, in natural order (epoch_002 before epoch_010). */
export function listImages(dir: string, { maxDepth = 3 }: { readonly maxDepth?: number } = {}): string[] {
  const images: string[] = [];
  const visit = (at: string, depth: number) => {
    for (const entry of entries(at)) {
      const path = join(at, entry.name);
      if (entry.isFile() && /\.(png|jpe?g|webp|svg)$/i.test(entry.name)) {
        images.push(relative(dir, path).split(sep).join("/"));
      } else if (entry.isDirectory() && depth < maxDepth && !skipped.has(entry.name)) visit(path, depth + 1);
    }
  };
  visit(dir, 0);
  return images.sort(new Intl.Collator("en", { numeric: true }).compare);
}

/** A file of a folder, links followed; `undefined` when it is not there, is not a file, or lies outside. */
export function fileInside(dir: string, path: string): string | undefined {
  const whole = join(dir, path);
  if (!isInside(dir, whole) || !existsSync(whole)) return undefined;
  const real = realpathSync(whole);
  return isInside(realpathSync(dir), real) && statSync(real).isFile() ? real : undefined;
}

/** Whether a path is the folder or below it, by its name alone: links are not followed. */
export function isInside(dir: string, path: string): boolean {
  const inner = relative(resolve(dir), resolve(path));
  return inner !== ".." && !inner.startsWith(`..${sep}`) && !isAbsolute(inner);
}

// Logger folders hold copies of the same images.
const skipped = new Set(["wandb", ".wandb", "node_modules", "mlruns"]);

function entries(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** A record is a few hundred bytes; its command and error are the user's. */
const maxRecordBytes = 16 * 2 ** 20;

function readRecord(path: string): RunRecord | undefined {
  try {
    const parsed = runRecordSchema.safeParse(JSON.parse(readRegularFile(path, maxRecordBytes).toString("utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

function withDefaults(dir: string, record: RunRecord): RunRecord {
  const there = (path: string) => (existsSync(join(dir, path)) ? path : undefined);
  return {
    ...record,
    configPath: record.configPath ?? there(runPaths.config),
    overridesPath: record.overridesPath ?? there(runPaths.overrides),
    labelsPath: record.labelsPath ?? there(runPaths.labels),
    modelPath: record.modelPath ?? there(runPaths.model),
  };
}

/** The names of a run's classes, by index; undefined where it has none yet. */
export function classNamesOfRun({ dir, record }: Run): readonly string[] | undefined {
  const path = record.labelsPath === undefined ? undefined : fileInside(dir, record.labelsPath);
  try {
    return path === undefined ? undefined : classNamesOf(readLabelsMapping(path));
  } catch {
    // A file of another tool, or a damaged one: the rest of the run can be shown.
    return undefined;
  }
}
