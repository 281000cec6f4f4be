import type { Target, TargetTable } from "@classifier-training/base";

/**
 * A target that takes the configuration's own containers: `DictConfig` and `ListConfig`, as `_convert_` says, with
 * integral floats as `Float`. All other targets get plain objects, arrays and numbers.
 */
export interface ContainerTarget extends Target {
  readonly takesContainers: true;
}

export type TargetLoader = () => Promise<TargetTable> | TargetTable;

interface Namespace {
  readonly prefix: string;
  readonly load: TargetLoader;
  table: TargetTable | undefined;
}

const known = new Map<string, Target>();
const namespaces: Namespace[] = [];

/**
 * Makes targets known by their dotted names: a whole table, or the names below a prefix, loaded when one is first used.
 * A later registration of a name replaces an earlier one.
 */
export function registerTargets(table: TargetTable): void;
export function registerTargets(prefix: string, load: TargetLoader): void;
export function registerTargets(tableOrPrefix: TargetTable | string, load?: TargetLoader): void {
  if (typeof tableOrPrefix !== "string") {
    for (const [name, target] of Object.entries(tableOrPrefix)) known.set(name, target);
  } else if (load !== undefined) {
    namespaces.unshift({ prefix: tableOrPrefix.replace(/\.$/, ""), load, table: undefined });
  }
}

/** Forgets all targets. */
export function clearTargets(): void {
  known.clear();
  namespaces.length = 0;
}

function covers({ prefix }: Namespace, name: string): boolean {
  return prefix === "" || name === prefix || name.startsWith(`${prefix}.`);
}

/** The target of a dotted name, if it is registered; it loads the namespaces that may have it. */
export async function findTarget(name: string): Promise<Target | undefined> {
  const found = known.get(name);
  if (found !== undefined) return found;
  const covering = namespaces.filter((namespace) => covers(namespace, name));
  for (const namespace of covering) {
    namespace.table ??= await namespace.load();
    if (Object.hasOwn(namespace.table, name)) return namespace.table[name];
  }
  const tables = [Object.fromEntries(known), ...covering.map(({ table }) => table ?? {})];
  return tables.map((table) => byModulePath(table, name)).find((target) => target !== undefined);
}

/**
 * A class by the module that defines it: Python imports `torch.optim.adamw.AdamW` as well as `torch.optim.AdamW`. Between
 * the package and the name of the class may stand the names of modules, but not of a package that has names of its own.
 */
function byModulePath(table: TargetTable, name: string): Target | undefined {
  const parts = name.split(".");
  const last = parts.pop();
  const packages = new Set(Object.keys(table).map((known) => known.slice(0, known.lastIndexOf("."))));
  while (!packages.has(parts.join(".")) && /^_?[a-z][a-z0-9_]*$/.test(parts.pop() ?? "")) {
    const publicName = [...parts, last].join(".");
    if (Object.hasOwn(table, publicName)) return table[publicName];
  }
  return undefined;
}

/** Loads all names that are registered. */
export async function allTargetNames(): Promise<string[]> {
  for (const namespace of namespaces) namespace.table ??= await namespace.load();
  return targetNames();
}

/** All names that are known without loading anything more. */
export function targetNames(): string[] {
  const names = new Set(known.keys());
  for (const { table } of namespaces) for (const name of Object.keys(table ?? {})) names.add(name);
  return [...names];
}
