import { OverrideFunctionError } from "./errors.ts";
import { numericValue, typeName } from "./types.ts";
import type { Parsed } from "./values.ts";

/** Python's `sorted`: numbers with numbers, strings with strings, lists item by item; anything else is refused. */
export function sorted(values: readonly Parsed[], reverse: boolean): Parsed[] {
  const compare = (a: Parsed, b: Parsed) => (isLess(a, b) ? -1 : isLess(b, a) ? 1 : 0);
  // Reversing before and after keeps equal items in their order, as Python does.
  if (reverse) return [...values].reverse().sort(compare).reverse();
  return [...values].sort(compare);
}

function isLess(a: Parsed, b: Parsed): boolean {
  const [x, y] = [numericValue(a), numericValue(b)];
  if (x !== undefined && y !== undefined) return x < y;
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b) < 0;
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      if (isLess(a[i], b[i])) return true;
      if (isLess(b[i], a[i])) return false;
    }
    return a.length < b.length;
  }
  throw new OverrideFunctionError(
    "TypeError",
    `'<' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`,
  );
}

function compareCodePoints(a: string, b: string): number {
  if (a === b) return 0;
  const [x, y] = [[...a], [...b]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const difference = (x[i] as string).codePointAt(0)! - (y[i] as string).codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}
