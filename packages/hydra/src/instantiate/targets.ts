import type { Target, TargetTable } from "@classifier-training/base";

/**
 * A target that takes the configuration's own containers: `DictConfig` and `ListConfig`, as `_convert_` says, with
 * integral floats as `Float`. All other targets get plain objects, arrays and numbers.
 */
export interface ContainerTarget extends Target {
  readonly takesContainers: true;
}

export type TargetLoader = () => Promise<TargetTable> | TargetTable;

/** Targets that are loaded when one of them is first used. */
interface Source {
  /** Its names, where they are listed; a prefix of them, where only the loaded table knows. */
  readonly names: ReadonlySet<string> | string;
  readonly load: TargetLoader;
  table: TargetTable | undefined;
}

const known = new Map<string, Target>();
/** The latest first. */
const sources: Source[] = [];

/**
 * Makes targets known by their dotted names: a whole table, or names (listed, or all below a prefix) whose table is loaded
 * when one is first used. A later registration of a name replaces an earlier one of its kind, and tables go before loaders.
 */
export function registerTargets(table: TargetTable): void;
export function registerTargets(names: readonly string[] | string, load: TargetLoader): void;
export function registerTargets(given: TargetTable | readonly string[] | string, load?: TargetLoader): void {
  if (load !== undefined) {
    const names = typeof given === "string" ? given.replace(/\.$/, "") : new Set(given as readonly string[]);
    sources.unshift({ names, load, table: undefined });
  } else {
    for (const [name, target] of Object.entries(given as TargetTable)) known.set(name, target);
  }
}

/** Forgets all targets. */
export function clearTargets(): void {
  known.clear();
  sources.length = 0;
}

function mayHave({ names }: Source, name: string): boolean {
  if (typeof names !== "string") return names.has(name);
  return names === "" || name === names || name.startsWith(`${names}.`);
}

/**
 * The target of a dotted name, if it is registered. A class answers to the module that defines it, too: Python imports
 * `torch.optim.adamw.AdamW` as well as `torch.optim.AdamW`.
 */
export async function findTarget(name: string): Promise<Target | undefined> {
  const found = await targetNamed(name);
  if (found !== undefined) return found;
  const publicName = publicNameOf(
    name,
    await namesOf(sources.filter((source) => mayHave(source, name) || isListed(source))),
  );
  return publicName === undefined ? undefined : targetNamed(publicName);
}

const isListed = ({ names }: Source) => typeof names !== "string";

async function targetNamed(name: string): Promise<Target | undefined> {
  const found = known.get(name);
  if (found !== undefined) return found;
  for (const source of sources.filter((candidate) => mayHave(candidate, name))) {
    const table = await tableOf(source);
    if (Object.hasOwn(table, name)) return table[name];
  }
  return undefined;
}

async function tableOf(source: Source): Promise<TargetTable> {
  source.table ??= await source.load();
  return source.table;
}

/** The name of a class without the modules between package and class; a package that has names itself is not skipped. */
function publicNameOf(name: string, names: ReadonlySet<string>): string | undefined {
  const parts = name.split(".");
  const last = parts.pop();
  const packages = new Set([...names].map((listed) => listed.slice(0, listed.lastIndexOf("."))));
  while (!packages.has(parts.join(".")) && /^_?[a-z][a-z0-9_]*$/.test(parts.pop() ?? "")) {
    const publicName = [...parts, last].join(".");
    if (names.has(publicName)) return publicName;
  }
  return undefined;
}

/** All names that are registered; it loads what does not list its own. */
export function allTargetNames(): Promise<ReadonlySet<string>> {
  return namesOf(sources);
}

async function namesOf(some: readonly Source[]): Promise<ReadonlySet<string>> {
  const names = new Set(known.keys());
  for (const source of some) {
    const own = typeof source.names === "string" ? Object.keys(await tableOf(source)) : source.names;
    for (const name of own) names.add(name);
  }
  return names;
}
