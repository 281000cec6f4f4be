import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expandHome, writeFileAtomic } from "@classifier-training/base";
import { runPaths } from "@classifier-training/runs";
import { stringify } from "yaml";
import { z } from "zod";
import { plainHyperparams } from "./hyperparams.ts";
import { type Hyperparams, Logger, type PlainValue } from "./logger.ts";

/** The options of every logger with Lightning's folders. */
export const versionedOptions = {
  saveDir: z.string().describe("where the logs go"),
  name: z.string().nullable().default("lightning_logs").describe("a folder in it; empty or null for none"),
  version: z
    .union([z.int(), z.string()])
    .nullable()
    .default(null)
    .describe("null takes the next free version_N; a string is the folder's name; empty: no folder"),
} as const;

export const prefixOption = z.string().default("").describe("prefix of each metric's name, joined by a dash");

interface VersionedOptions {
  readonly saveDir: string;
  readonly name: string | null;
  readonly version: number | string | null;
}

/** A logger whose files lie in `SAVE_DIR/NAME/version_N/`, with the hyperparameters in `hparams.yaml`. */
export abstract class VersionedLogger extends Logger {
  abstract readonly options: VersionedOptions;
  protected readonly hyperparams: Record<string, PlainValue> = {};
  #version: string | number | undefined;

  get name(): string {
    return this.options.name ?? "";
  }

  get version(): string | number {
    this.#version ??= this.options.version ?? nextVersion(this.rootDir);
    return this.#version;
  }

  get saveDir(): string {
    return this.options.saveDir;
  }

  /** The folder of all versions. */
  get rootDir(): string {
    return join(expandHome(this.options.saveDir), this.name);
  }

  override get logDir(): string {
    const version = this.version;
    return join(this.rootDir, typeof version === "string" ? version : `version_${version}`);
  }

  logHyperparams(params: Hyperparams): void {
    Object.assign(this.hyperparams, plainHyperparams(params));
    mkdirSync(this.logDir, { recursive: true });
    // Python's tools read YAML 1.1, in which text such as `on` or `10:11:12` needs quotes.
    writeFileAtomic(join(this.logDir, runPaths.hparams), stringify(this.hyperparams, { version: "1.1" }));
  }
}

/** The next free N of the folders `version_N` in `root`. */
function nextVersion(root: string): number {
  if (!existsSync(root)) return 0;
  let next = 0;
  for (const { name } of readdirSync(root, { withFileTypes: true })) {
    const number = /^version_(\d+)$/.exec(name)?.[1];
    if (number !== undefined) next = Math.max(next, Number(number) + 1);
  }
  return next;
}
