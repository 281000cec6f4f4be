import { nearestName, type Target, type TargetTable } from "@classifier-training/base";
import { InstantiationError } from "./errors.ts";

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
  for (const namespace of namespaces) {
    if (!covers(namespace, name)) continue;
    namespace.table ??= await namespace.load();
    if (Object.hasOwn(namespace.table, name)) return namespace.table[name];
  }
  return undefined;
}

/** All names that are known without loading anything more. */
export function targetNames(): string[] {
  const names = new Set(known.keys());
  for (const { table } of namespaces) for (const name of Object.keys(table ?? {})) names.add(name);
  return [...names];
}

/** The error for a name that is not registered, with the nearest one. */
export function unknownTarget(name: string): InstantiationError {
  const names = targetNames();
  const near = nearestName(name, names) ?? sameLastPart(name, names);
  return new InstantiationError({
    what: `there is no target '${name}'`,
    fix:
      near === undefined
        ? "name a registered target, or a class of yours as './path/to/file.ts#Name'"
        : `did you mean '${near}'?`,
  });
}

function sameLastPart(name: string, names: readonly string[]): string | undefined {
  const last = name.split(".").pop();
  return last === undefined ? undefined : names.find((candidate) => candidate.endsWith(`.${last}`));
}
