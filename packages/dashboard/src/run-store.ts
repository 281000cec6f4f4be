import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { listImages, listRuns, type Run, readRun } from "@classifier-training/runs";
import type { RunDetail, RunSummary } from "./api.ts";

/** The runs under a folder, as the page sees them. */
export class RunStore {
  readonly root: string;

  constructor(root: string) {
    this.root = resolve(root);
  }

  list(): RunSummary[] {
    return existsSync(this.root) ? listRuns(this.root).map((run) => this.#summary(run)) : [];
  }

  /** The run of a key; `undefined` when there is none, or the key leads out of the root. */
  find(key: string): Run | undefined {
    const dir = resolve(this.root, key);
    if (!isInside(this.root, dir) || !existsSync(dir) || !isInside(this.root, realpathSync(dir))) return undefined;
    return readRun(dir);
  }

  detail(run: Run): RunDetail {
    const { record, dir } = run;
    const config = readInside(dir, record.configPath);
    const overrides = readInside(dir, record.overridesPath);
    const labels = labelNames(readInside(dir, record.labelsPath));
    return {
      ...this.#summary(run),
      record,
      images: listImages(dir),
      ...(config !== undefined && { config }),
      ...(overrides !== undefined && { overrides }),
      ...(labels !== undefined && { labels }),
    };
  }

  /** A picture of a run; `undefined` for anything else. */
  imagePath(run: Run, path: string): string | undefined {
    if (!/\.(png|jpe?g|webp|svg)$/i.test(path)) return undefined;
    return insidePath(run.dir, path);
  }

  #summary({ dir, status, record, modifiedAt }: Run): RunSummary {
    const { name, kind, startedAt, monitor, best } = record;
    return {
      key: relative(this.root, dir).split(sep).join("/") || ".",
      name,
      kind,
      status,
      startedAt,
      modifiedAt,
      ...(monitor && { monitor }),
      ...(best && { best }),
    };
  }
}

/** `labels_mapping.json` in any of its forms: a list, index to name, or name to index. */
function labelNames(text: string | undefined): readonly string[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text ?? "null");
    if (Array.isArray(parsed)) return parsed.map(String);
    if (typeof parsed !== "object" || parsed === null) return undefined;
    const entries = Object.entries(parsed);
    const byIndex = entries.every(([, value]) => typeof value === "number")
      ? entries.map(([name, index]) => [Number(index), name] as const)
      : entries.map(([index, name]) => [Number(index), String(name)] as const);
    return byIndex.sort(([a], [b]) => a - b).map(([, name]) => name);
  } catch {
    return undefined;
  }
}

function readInside(dir: string, path: string | undefined): string | undefined {
  const whole = path === undefined ? undefined : insidePath(dir, path);
  return whole === undefined ? undefined : readFileSync(whole, "utf8");
}

/** A file of a folder, links followed; `undefined` when it is not there or lies outside. */
function insidePath(dir: string, path: string): string | undefined {
  const whole = join(dir, path);
  if (!isInside(dir, whole) || !existsSync(whole)) return undefined;
  const real = realpathSync(whole);
  return isInside(realpathSync(dir), real) ? real : undefined;
}

function isInside(dir: string, path: string): boolean {
  const inner = relative(dir, path);
  return inner === "" || !(inner === ".." || inner.startsWith(`..${sep}`) || resolve(inner) === inner);
}
