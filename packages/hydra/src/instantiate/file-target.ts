import { existsSync } from "node:fs";
import { dirname, isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  camelCase,
  didYouMean,
  importModule,
  nearestName,
  type OptionsSchema,
  optionsTarget,
  type Target,
} from "@classifier-training/base";
import { causeText, InstantiationError } from "./errors.ts";

/** Whether a target names a file of the user's: `./file.ts#Name`, `../file.ts#Name`, `/abs/file.ts#Name`. */
export function isFileTarget(name: string): boolean {
  return /^(?:\.{0,2}\/)[^#]*#./.test(name);
}

/**
 * Loads `./file.ts#Name`. The path is relative to the folder of the configuration file that says so, else to the
 * working directory. `Name` is an exported class, function or `Target`; `Name.method` a static method of it.
 * @throws InstantiationError
 */
export async function loadFileTarget(name: string, configFile?: string): Promise<Target> {
  const at = name.lastIndexOf("#");
  const [path, exported] = [name.slice(0, at), name.slice(at + 1)];
  const file = locate(path, configFile);
  const module = await importFile(file);
  let value: unknown = module;
  let owner: unknown;
  for (const part of exported.split(".")) {
    owner = value;
    value = (value as Record<string, unknown> | null | undefined)?.[part];
    if (value !== undefined) continue;
    const names = Object.keys(owner as object);
    throw new InstantiationError({
      what: `'${path}' has no export '${exported}'`,
      fix: didYouMean(nearestName(part, names)) ?? `it exports: ${names.join(", ") || "nothing"}`,
    });
  }
  return asTarget(value, owner === module ? undefined : owner, name);
}

/** The file of a target: beside the configuration file that names it, else in the working directory. */
export function locateFileTarget(path: string, configFile: string | undefined): string | undefined {
  return candidates(path, configFile).find((candidate) => existsSync(candidate));
}

function candidates(path: string, configFile: string | undefined): string[] {
  const bases = configFile === undefined || !isAbsolute(configFile) ? [] : [dirname(configFile)];
  return [...bases, process.cwd()].map((base) => resolve(base, path));
}

function locate(path: string, configFile: string | undefined): string {
  const file = locateFileTarget(path, configFile);
  if (file !== undefined) return file;
  throw new InstantiationError({
    what: `the file of a target does not exist: '${path}'`,
    fix: `looked for ${[...new Set(candidates(path, configFile))].join(" and ")}`,
  });
}

async function importFile(file: string): Promise<Record<string, unknown>> {
  try {
    return await importModule(pathToFileURL(file).href);
  } catch (cause) {
    throw new InstantiationError({ what: `cannot load '${file}': ${causeText(cause).what}`, cause });
  }
}

interface Callable {
  (...args: readonly unknown[]): unknown;
  /** A zod schema of the options, in camelCase. */
  readonly options?: unknown;
}

/** What an exported value is to a configuration. */
function asTarget(value: unknown, owner: unknown, name: string): Target {
  if (typeof (value as Target | null)?.invoke === "function") return value as Target;
  if (typeof value !== "function") {
    throw new InstantiationError({ what: `'${name}' is neither a class nor a function` });
  }
  const callable = value as Callable;
  const construct = (args: readonly unknown[]) => call(callable, owner, args);
  if (isSchema(callable.options)) return optionsTarget(callable.options, (options) => construct([options]));
  return {
    invoke(args, kwargs) {
      const entries = Object.entries(kwargs);
      if (entries.length === 0) return construct(args);
      return construct([...args, Object.fromEntries(entries.map(([key, item]) => [camelCase(key), item]))]);
    },
  };
}

function isSchema(value: unknown): value is OptionsSchema<unknown> {
  return typeof value === "object" && value !== null && "shape" in value && "safeParse" in value;
}

function call(callable: Callable, owner: unknown, args: readonly unknown[]): unknown {
  const isClass = /^class\b/.test(Function.prototype.toString.call(callable));
  return isClass ? Reflect.construct(callable, args) : callable.apply(owner, [...args]);
}
