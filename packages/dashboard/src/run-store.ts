import { existsSync, realpathSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import { maskDocument, readRegularFile } from "@classifier-training/base";
import {
  classNamesOf,
  fileInside,
  isInside,
  listImages,
  listRuns,
  type Run,
  readLabelsMapping,
  readRun,
} from "@classifier-training/runs";
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
    // The root itself may be a link, to where there is room for runs.
    if (!isInside(this.root, dir) || !existsSync(dir)) return undefined;
    if (!isInside(realpathSync(this.root), realpathSync(dir))) return undefined;
    return readRun(dir);
  }

  detail(run: Run): RunDetail {
    const { record, dir } = run;
    const config = textInside(dir, record.configPath);
    const overrides = textInside(dir, record.overridesPath);
    const labels = labelsInside(dir, record.labelsPath);
    return {
      ...this.#summary(run),
      record,
      images: listImages(dir),
      ...(config !== undefined && { config }),
      ...(overrides !== undefined && { overrides }),
      ...(labels !== undefined && { labels }),
    };
  }

  /** An image of a run; `undefined` for anything else. */
  imagePath(run: Run, path: string): string | undefined {
    if (!/\.(png|jpe?g|webp|svg)$/i.test(path)) return undefined;
    return fileInside(run.dir, path);
  }

  /** Where the run's metrics are, or will be; `undefined` when they lead out of the run. */
  metricsPath({ dir, record }: Run): string | undefined {
    const path = join(dir, record.metricsPath);
    return existsSync(path) ? fileInside(dir, record.metricsPath) : isInside(dir, path) ? path : undefined;
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

function textInside(dir: string, path: string | undefined): string | undefined {
  const file = path === undefined ? undefined : fileInside(dir, path);
  return file === undefined ? undefined : maskDocument(readRegularFile(file, maxTextBytes).toString("utf8"));
}

/** Of a configuration: what a page can still show. */
const maxTextBytes = 16 * 2 ** 20;

function labelsInside(dir: string, path: string | undefined): readonly string[] | undefined {
  const file = path === undefined ? undefined : fileInside(dir, path);
  try {
    return file === undefined ? undefined : classNamesOf(readLabelsMapping(file));
  } catch {
    // A file of another tool, or a damaged one: the rest of the run can be shown.
    return undefined;
  }
}
