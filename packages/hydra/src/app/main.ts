import { statSync } from "node:fs";
import { basename, dirname, extname, isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { maskText, printable } from "@classifier-training/base";
import { applyOverride } from "../compose/apply-overrides.ts";
import { ConfigLoader, type LoadedConfiguration } from "../compose/loader.ts";
import { HydraConfig } from "../compose/runtime.ts";
import type { RunMode } from "../compose/sweeps.ts";
import { HydraError } from "../errors.ts";
import type { DictConfig, ListConfig } from "../omegaconf/containers.ts";
import type { Node } from "../omegaconf/node.ts";
import { selectNode, selectRaw } from "../omegaconf/select.ts";
import { parseOverride } from "../overrides/parser.ts";
import { hydraVersion } from "../sources/hydra-conf.ts";
import { searchPath } from "../sources/search-path.ts";
import { type ParsedArgs, parseArgs, UsageError, usage } from "./args.ts";
import { errorText, SweepFailure } from "./failure.ts";
import type { Invocation, MainOptions } from "./invocation.ts";
import type { JobReturn, TaskFunction } from "./task.ts";

/** What came of {@link main}. Nothing is thrown: an error has been printed already. */
export interface MainResult<T> {
  readonly exitCode: number;
  /** The jobs that ran: one, or those of a sweep. */
  readonly jobs: readonly JobReturn<T>[];
  readonly error?: unknown;
}

/**
 * Runs a task with the configuration that the command line composes, in a run directory of its own; or shows the
 * configuration (`--cfg`, `--info`, `--help`, shell completion). Errors are printed without a stack trace
 * (HYDRA_FULL_ERROR=1 shows it), and `process.exitCode` is set.
 */
export async function main<T>(options: MainOptions, task: TaskFunction<T>): Promise<MainResult<T>> {
  const program = options.program ?? basename(process.argv[1] ?? "app");
  try {
    const jobs = await dispatch(options, program, task);
    return { exitCode: 0, jobs };
  } catch (error) {
    const exitCode = error instanceof UsageError ? 2 : 1;
    if (error instanceof UsageError) process.stderr.write(`${usage(program)}\n${program}: error: `);
    process.stderr.write(`${maskText(printable(errorText(error)))}\n`);
    process.exitCode = exitCode;
    return { exitCode, jobs: error instanceof SweepFailure ? (error.succeeded as JobReturn<T>[]) : [], error };
  }
}

async function dispatch<T>(options: MainOptions, program: string, task: TaskFunction<T>) {
  const args = parseArgs(options.argv ?? process.argv.slice(2));
  if (args.version) {
    process.stdout.write(`Hydra ${hydraVersion}\n`);
    return [];
  }
  if (args.experimentalRerun !== undefined) {
    const { rerun } = await import("./rerun.ts");
    return rerun(args.experimentalRerun, args.overrides, task);
  }
  const loader = createLoader(options, args);
  const configName = args.configName ?? options.configName;
  const { dryRun, helpTemplate, check, claimDirectory, claimSweepDirectory } = options;
  const parts = { helpTemplate, task, dryRun, check, claimDirectory, claimSweepDirectory };
  const invocation: Invocation<T> = { args, loader, configName, program, ...parts };
  const before = HydraConfig.set(undefined);
  try {
    if (options.options !== undefined && options.fallbackPath !== undefined) {
      await admitOptions(invocation, fallbacksOf(options), options.options);
    }
    return await runCommand({ ...invocation, args: await decided(invocation, options.decide) });
  } finally {
    HydraConfig.set(before);
  }
}

/**
 * Composing is synchronous, and what a mapping's options are is known to modules that load when they are needed: a first
 * look finds which mappings are asked for options that they do not list.
 */
async function admitOptions<T>(
  { args, loader, configName }: Invocation<T>,
  folders: readonly string[],
  optionsOf: NonNullable<MainOptions["options"]>,
): Promise<void> {
  const asked = new Map<string, DictConfig>();
  loader.unlisted = (mapping) => {
    if (isFrom(mapping, folders)) asked.set(mapping.fullKey(), mapping);
    return [];
  };
  // A sweep's first value stands for all of them.
  const overrides = args.overrides.map((line) => withoutSweep(line));
  try {
    if (overrides.some((line) => line?.includes("."))) {
      loader.load({ configName, overrides: overrides.filter((line) => line !== undefined), runMode: "MULTIRUN" });
    }
  } catch {
    // The same error comes up again, with its report, when the configuration is composed to be used.
  }
  const known = new Map<string, readonly string[]>();
  for (const [key, mapping] of asked) known.set(key, await optionsOf(mapping));
  loader.unlisted = (mapping) => (isFrom(mapping, folders) ? (known.get(mapping.fullKey()) ?? []) : []);
}

/** The arguments with what the program decides. */
async function decided<T>(
  { args, loader, configName }: Invocation<T>,
  decide: MainOptions["decide"],
): Promise<ParsedArgs> {
  const { help, hydraHelp, shellCompletion, info, cfg, overrides } = args;
  if (decide === undefined || help || hydraHelp || shellCompletion) return args;
  const { isKey } = await import("./explain.ts");
  const added = await decide({
    overrides: overrides.filter((word) => info !== "explain" || !isKey(word)).map(firstOfSweep),
    willRun: info === undefined && cfg === undefined,
    compose: (lines) => loader.load({ configName, overrides: lines, runMode: "MULTIRUN" }).config,
  });
  return { ...args, overrides: [...added, ...overrides] };
}

function firstOfSweep(line: string): string {
  try {
    const override = parseOverride(line);
    if (!override.isDiscreteSweep) return line;
    const [first] = override.sweepTexts(() => []);
    return first === undefined ? line : `${override.inputLine.slice(0, line.indexOf("="))}=${first}`;
  } catch {
    // Composing says what is wrong with it.
    return line;
  }
}

function withoutSweep(line: string): string | undefined {
  try {
    const override = parseOverride(line);
    return override.isSweep ? `${override.inputLine.slice(0, line.indexOf("="))}=null` : line;
  } catch {
    return undefined;
  }
}

/** Whether a mapping, or a value in it, is written in a file of these folders. */
function isFrom(mapping: DictConfig, folders: readonly string[]): boolean {
  const isInside = ({ origin }: Node) =>
    origin?.kind === "file" && folders.some((folder) => origin.source.startsWith(folder));
  return isInside(mapping) || [...mapping.nodes()].some(isInside);
}

async function runCommand<T>(invocation: Invocation<T>): Promise<readonly JobReturn<T>[]> {
  const { args } = invocation;
  if (args.help) {
    (await import("./help.ts")).showHelp(invocation);
    return [];
  }
  if (args.resolve && args.cfg === undefined) {
    throw new UsageProblem("The --resolve flag can only be used in conjunction with --cfg or --help");
  }
  if (args.hydraHelp) {
    (await import("./help.ts")).showHydraHelp(invocation);
    return [];
  }
  const commands = [args.run, args.multirun, args.cfg !== undefined, args.shellCompletion, args.info !== undefined];
  if (commands.filter(Boolean).length > 1) {
    throw new UsageProblem("Only one of --run, --multirun, --cfg, --info and --shell_completion can be specified");
  }
  if (args.cfg !== undefined) (await import("./show.ts")).showConfig(invocation);
  else if (args.shellCompletion) (await import("./completion.ts")).complete(invocation);
  else if (args.info !== undefined) await (await import("./info.ts")).showInfo(invocation);
  else return runApp(invocation);
  return [];
}

/** A wrong use of the flags that argparse does not see: exit code 1. */
class UsageProblem extends HydraError {
  constructor(what: string) {
    super({ code: "hydra/usage", what });
  }
}

async function runApp<T>(invocation: Invocation<T>): Promise<readonly JobReturn<T>[]> {
  const { run, multirun } = await import("./run.ts");
  const { args } = invocation;
  const loaded = firstLook(invocation);
  const configured = loaded === undefined ? null : (selectRaw(loaded.config, "hydra.mode") as RunMode | null);
  const overrides = [...args.overrides];
  let mode: RunMode = configured ?? "RUN";
  if (args.multirun && configured === "RUN") {
    process.stderr.write("WARNING: Running Hydra app with --multirun, overriding with `hydra.mode=MULTIRUN`.\n");
  }
  if (args.multirun) mode = "MULTIRUN";
  if (configured !== mode) overrides.push(`hydra.mode=${mode}`);
  if (mode === "MULTIRUN") return multirun(invocation, overrides);
  return run(invocation, overrides, loaded !== undefined && configured === null ? asRun(loaded) : undefined);
}

/** The configuration as it is before it is known whether this is a sweep; undefined if it cannot be composed so. */
function firstLook<T>({ args, loader, configName }: Invocation<T>): LoadedConfiguration | undefined {
  try {
    const { overrides } = args;
    return loader.load({ configName, overrides, runMode: "MULTIRUN", checkSweepOverrides: false });
  } catch {
    // The same error comes up again, with its report, when the configuration is composed to be used.
    return undefined;
  }
}

/** The first look, if composing again for one job would give the same: nothing is swept and no choice is open. */
function asRun(loaded: LoadedConfiguration): LoadedConfiguration | undefined {
  const { config, overrides, defaultsList } = loaded;
  if (overrides.some(({ isSweep }) => isSweep) || [...defaultsList.choices.values()].includes("???")) return undefined;
  const override = parseOverride("hydra.mode=RUN");
  applyOverride(override, config);
  (selectNode(config, "hydra.overrides.hydra") as ListConfig).append(override.inputLine);
  return { ...loaded, overrides: [...overrides, override] };
}

function createLoader(options: MainOptions, args: ParsedArgs): ConfigLoader {
  const from = options.from === undefined ? undefined : fileURLToPath(options.from);
  const configPath = args.configPath ?? options.configPath;
  if (configPath !== undefined && [".yaml", ".yml"].includes(extname(configPath))) {
    throw new HydraError({
      code: "hydra/config-path",
      what: "Using configPath to specify the config name is not supported, specify the config name via configName.",
      where: configPath,
    });
  }
  const base = from === undefined ? process.cwd() : dirname(from);
  const isAddress = configPath === undefined || isAbsolute(configPath) || configPath.includes("://");
  const primary = isAddress ? configPath : resolve(base, configPath);
  const extra = args.configDir === undefined ? [] : [existingFolder(args.configDir)];
  const file = from ?? process.argv[1] ?? "app";
  const jobName =
    options.jobName ??
    basename(file, extname(file))
      .replaceAll(" ", "_")
      .replace(/[^-\w.]/gu, "");
  return new ConfigLoader(searchPath(primary, extra, fallbacksOf(options)), jobName, true);
}

/** The folders that are read last, as absolute paths. */
function fallbacksOf({ fallbackPath = [], from }: MainOptions): string[] {
  const base = from === undefined ? process.cwd() : dirname(fileURLToPath(from));
  return [fallbackPath].flat().map((folder) => resolve(base, folder));
}

function existingFolder(path: string): string {
  const absolute = resolve(path);
  if (statSync(absolute, { throwIfNoEntry: false })?.isDirectory()) return absolute;
  throw new HydraError({ code: "hydra/search-path", what: `Additional config directory '${absolute}' not found` });
}
