import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { CtError } from "@classifier-training/base";
import { ConfigLoader } from "../src/compose/loader.ts";
import { createDefaultsList, type ResultDefault } from "../src/defaults/list.ts";
import type { DictConfig } from "../src/omegaconf/containers.ts";
import { dereference } from "../src/omegaconf/resolve.ts";
import { selectRaw } from "../src/omegaconf/select.ts";
import { toRaw } from "../src/omegaconf/to-container.ts";
import { parseOverrides } from "../src/overrides/index.ts";
import { hydraVersion, hydraVersionBase } from "../src/sources/hydra-conf.ts";
import { ConfigRepository } from "../src/sources/repository.ts";
import { searchPath } from "../src/sources/search-path.ts";
import type { Handler } from "./handler.ts";
import { encode } from "./overrides.ts";

/** One case of compose.json, as far as it is read here. */
export interface ComposeCase {
  readonly id: string;
  readonly kind: "compose" | "defaults";
  readonly files?: Readonly<Record<string, string>>;
  readonly tree?: string;
  readonly config_name: string | null;
  readonly overrides: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly run_mode?: "MULTIRUN";
  readonly prepend_hydra?: boolean;
  readonly skip_missing?: boolean;
  readonly ok: boolean;
  readonly hydra?: unknown;
  readonly hydra_choices?: Readonly<Record<string, unknown>>;
}

export type Trees = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Writes the files of a case to a new folder, runs `action` in the case's environment, and cleans up. */
export function inTree<T>(
  input: Pick<ComposeCase, "files" | "tree" | "env">,
  trees: Trees,
  action: (folder: string) => T,
): T {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "hydra-")));
  const before = { ...process.env };
  try {
    for (const [path, text] of Object.entries(input.files ?? trees[input.tree ?? ""] ?? {})) {
      const file = join(folder, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text.replaceAll("<DIR>", folder));
    }
    for (const name of Object.keys(process.env)) if (name.startsWith("HT_")) delete process.env[name];
    Object.assign(process.env, input.env);
    return action(folder);
  } finally {
    process.env = before;
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs a case; the outcome has the form of the recorded one. */
export function runComposeCase(input: ComposeCase, trees: Trees): Record<string, unknown> {
  return inTree(input, trees, (folder) => {
    const overrides = input.overrides.map((override) => override.replaceAll("<DIR>", folder));
    try {
      const outcome =
        input.kind === "defaults" ? defaults(input, folder, overrides) : composed(input, folder, overrides);
      return { ok: true, ...(masked(outcome, folder) as Record<string, unknown>) };
    } catch (error) {
      if (!CtError.is(error)) throw error;
      return { ok: false, error: error.message.replaceAll(folder, "<DIR>") };
    }
  });
}

function defaults(input: ComposeCase, folder: string, overrides: readonly string[]): Record<string, unknown> {
  const repository = new ConfigRepository(searchPath(folder));
  const list = createDefaultsList(repository, input.config_name ?? undefined, parseOverrides(overrides), {
    prependHydra: input.prepend_hydra ?? false,
    skipMissing: input.skip_missing ?? false,
  });
  return {
    defaults_list: list.defaults.map(record),
    config_overrides: list.configOverrides.map(({ inputLine }) => inputLine),
  };
}

const usualChoices: Readonly<Record<string, string | null>> = {
  env: "default",
  callbacks: null,
  job_logging: "default",
  hydra_logging: "default",
  hydra_help: "default",
  help: "default",
  sweeper: "basic",
  launcher: "basic",
  output: "default",
};

function composed(input: ComposeCase, folder: string, overrides: readonly string[]): Record<string, unknown> {
  const loaded = new ConfigLoader(searchPath(folder), "app").load({
    configName: input.config_name ?? undefined,
    overrides,
    runMode: input.run_mode ?? "RUN",
    fromShell: false,
  });
  const { config } = loaded;
  const hydra = config.node("hydra") as DictConfig;
  const outcome: Record<string, unknown> = {
    overrides_task: toRaw(selectRaw(hydra, "overrides.task") as DictConfig),
    overrides_hydra: toRaw(selectRaw(hydra, "overrides.hydra") as DictConfig),
    hydra_choices: choices(hydra),
    defaults_list: loaded.defaultsList.defaults
      .filter(({ configPath }) => input.hydra !== undefined || !configPath.startsWith("hydra/"))
      .map(record),
  };
  if (input.hydra !== undefined) outcome["hydra"] = maskHydra(encode(toRaw(hydra)));
  const task = config.copy();
  task.content.delete("hydra");
  outcome["config"] = encode(toRaw(task));
  try {
    const nodes = [...config.nodes()].filter((node) => node.key !== "hydra");
    const resolved = encode(new Map(nodes.map((node) => [node.key, toRaw(dereference(node), { resolve: true })])));
    if (JSON.stringify(resolved) !== JSON.stringify(outcome["config"])) outcome["resolved"] = resolved;
  } catch (error) {
    if (!CtError.is(error)) throw error;
    outcome["resolve_error"] = "any";
  }
  return outcome;
}

function choices(hydra: DictConfig): unknown {
  const all = Object.entries(encode(toRaw(selectRaw(hydra, "runtime.choices") as DictConfig)) as object);
  const own = all.filter(([group]) => group.startsWith("hydra/"));
  const isUsual = own.every(([group, choice]) => usualChoices[group.slice("hydra/".length)] === choice);
  return Object.fromEntries(isUsual ? all.filter(([group]) => !group.startsWith("hydra/")) : all);
}

function record(entry: ResultDefault): Record<string, unknown> {
  return {
    config_path: entry.configPath,
    package: entry.package,
    parent: entry.parent ?? null,
    is_self: entry.isSelf,
    primary: entry.isPrimary,
    override_key: entry.overrideKey ?? null,
  };
}

function maskHydra(hydra: unknown): unknown {
  const { runtime, ...rest } = hydra as { runtime: Record<string, unknown> };
  const versions = { version: "<VERSION>", version_base: "<VERSION_BASE>", cwd: "<CWD>" };
  if (runtime["version"] !== hydraVersion || runtime["version_base"] !== hydraVersionBase) return hydra;
  return { ...rest, runtime: { ...runtime, ...versions } };
}

function masked(value: unknown, folder: string): unknown {
  if (typeof value === "string") return value.replaceAll(folder, "<DIR>");
  if (Array.isArray(value)) return value.map((item) => masked(item, folder));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [masked(key, folder), masked(item, folder)]));
}

const fields = [
  "config",
  "resolved",
  "defaults_list",
  "hydra_choices",
  "overrides_task",
  "overrides_hydra",
  "hydra",
  "config_overrides",
];

/** The recording does not resolve what depends on the running job. */
function dependsOnJob(config: unknown): boolean {
  return /\$\{(hydra|now):/.test(JSON.stringify(config ?? null));
}

export const handler: Handler = {
  run: (testCase, corpus) => runComposeCase(testCase as unknown as ComposeCase, corpus.trees ?? {}),
  compare(expected, actual: Record<string, unknown>) {
    if (expected.ok !== actual["ok"]) {
      return `expected ok=${expected.ok} ${JSON.stringify(expected["error"])}\n    actual   ${JSON.stringify(actual)}`;
    }
    if (!expected.ok) return undefined;
    const differing = fields.find((field) => !isDeepStrictEqual(expected[field], actual[field]));
    if (differing !== undefined) {
      const shown = (outcome: Readonly<Record<string, unknown>>) => JSON.stringify(outcome[differing]);
      return `expected ${differing}=${shown(expected)}\n    actual   ${differing}=${shown(actual)}`;
    }
    const fails = (outcome: Readonly<Record<string, unknown>>) => outcome["resolve_error"] !== undefined;
    if (fails(expected) === fails(actual) || dependsOnJob(expected["config"])) return undefined;
    return `expected resolve_error=${JSON.stringify(expected["resolve_error"])}, actual ${fails(actual)}`;
  },
};
