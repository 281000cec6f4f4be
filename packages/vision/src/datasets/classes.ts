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

/** Index of a label; one that is the same text in another Unicode normalization (a folder from a Mac) is the same label. */
export function classFinder(classes: ReadonlyMap<string, number>): (label: string) => number | undefined {
  const normalized = new Map<string, number | undefined>();
  for (const [name, index] of classes) {
    const key = name.normalize("NFC");
    normalized.set(key, normalized.has(key) ? undefined : index);
  }
  return (label) => classes.get(label) ?? normalized.get(label.normalize("NFC"));
}

/** Says which names are the same but for case or Unicode normalization: they may be meant as one class. */
export function similarNames(names: readonly string[]): string[] {
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const key = name.normalize("NFC").toLowerCase();
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  const similar = [...groups.values()].filter(({ length }) => length > 1);
  if (similar.length === 0) return [];
  const shown = similar.slice(0, 3).map((group) => group.map((name) => `'${name}'`).join(" and "));
  return [`${similarText}: ${shown.join("; ")}`];
}

/** Whether a remark is one of `similarNames`. */
export function isSimilarNames(remark: string): boolean {
  return remark.startsWith(`${similarText}: `);
}

const similarText = "classes that differ by case or Unicode normalization only";
