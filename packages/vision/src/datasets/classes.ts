/** Orders strings as Python does: by code points (JavaScript's own order differs beyond U+FFFF). */
export function comparePython(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** The classes of a set of labels: sorted as Python sorts, numbered from 0. */
export function indexClasses(labels: Iterable<string>): Map<string, number> {
  return new Map([...new Set(labels)].sort(comparePython).map((label, index) => [label, index]));
}

/** A class mapping given by a caller: a Map, or a plain object as JSON holds it. */
export type ClassToIdx = ReadonlyMap<string, number> | Readonly<Record<string, number>>;

export function asClassMap(classes: ClassToIdx): ReadonlyMap<string, number> {
  return classes instanceof Map ? classes : new Map(Object.entries(classes));
}
