import { comparePython } from "@classifier-training/base";

/** The classes of a set of labels: sorted as Python sorts, numbered from 0. */
export function indexClasses(labels: Iterable<string>): Map<string, number> {
  return new Map([...new Set(labels)].sort(comparePython).map((label, index) => [label, index]));
}

/** A class mapping given by a caller: a Map, or a plain object as JSON holds it. */
export type ClassToIdx = ReadonlyMap<string, number> | Readonly<Record<string, number>>;

export function asClassMap(classes: ClassToIdx): ReadonlyMap<string, number> {
  return classes instanceof Map ? classes : new Map(Object.entries(classes));
}
