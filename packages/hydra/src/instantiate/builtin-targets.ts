import { join, resolve } from "node:path";
import { CtError, type Target } from "@classifier-training/base";

export const positional = (...names: readonly string[]) => {
  return (call: (...values: unknown[]) => unknown): Target => ({
    optionNames: names,
    invoke: (args, kwargs) => call(...names.map((name, i) => kwargs[name] ?? args[i]), ...args.slice(names.length)),
  });
};

const iterable = (value: unknown, name: string): unknown[] => {
  if (value === undefined) return [];
  if (typeof (value as Iterable<unknown> | null)?.[Symbol.iterator] === "function")
    return [...(value as Iterable<unknown>)];
  throw new CtError({ code: "target/options", what: `${name}: expected a list`, fix: "give it as _args_: [[...]]" });
};

const number = (value: unknown, name: string): number => {
  const result = Number(value ?? 0);
  if (!Number.isNaN(result) || /^nan$/i.test(String(value))) return result;
  throw new CtError({ code: "target/options", what: `${name}: expected a number, received ${JSON.stringify(value)}` });
};

const pairs = (value: unknown) =>
  Array.isArray(value) ? Object.fromEntries(value as [string, unknown][]) : ((value ?? {}) as Record<string, unknown>);

/** Names of Python and Hydra by which configurations write values. */
export const valueTargets: Readonly<Record<string, Target>> = {
  "hydra.utils.get_original_cwd": { optionNames: [], invoke: () => process.cwd() },
  "hydra.utils.to_absolute_path": positional("path")((path) => resolve(String(path))),
  "builtins.dict": { invoke: ([first], kwargs) => ({ ...pairs(first), ...kwargs }) },
  "builtins.list": positional()((items) => iterable(items, "list")),
  "builtins.tuple": positional()((items) => iterable(items, "tuple")),
  "builtins.set": positional()((items) => new Set(iterable(items, "set"))),
  "builtins.int": positional()((value) => Math.trunc(number(value, "int"))),
  "builtins.float": positional()((value) => number(value, "float")),
  "builtins.str": positional()((value) => String(value ?? "")),
  "builtins.bool": positional()((value) => Boolean(value)),
  "os.getcwd": { optionNames: [], invoke: () => process.cwd() },
  "os.path.join": { optionNames: [], invoke: (parts) => join(...parts.map(String)) },
  "pathlib.Path": { optionNames: [], invoke: (parts) => join(...parts.map(String)) },
};
