import { DisjointSets } from "../content/disjoint-sets.ts";

/** Images that stay together, as one unit each. */
export interface Units {
  readonly count: number;
  /** The unit of each image. */
  readonly of: Int32Array;
  /** The images of unit u are `members[start[u]] .. members[start[u + 1] - 1]`. */
  readonly start: Int32Array;
  readonly members: Int32Array;
  /** The smallest order of its images: units with small ones come first. */
  readonly order: Float64Array;
}

/**
 * Joins images to units.
 * @param orders a number of each image, that neither its name nor its neighbors have an influence on
 * @param together lists of images that must stay together, which may overlap
 */
export function joinUnits(orders: Float64Array, together: Iterable<ArrayLike<number>>): Units {
  const { length } = orders;
  const sets = new DisjointSets(length);
  for (const list of together) for (let i = 1; i < list.length; i++) sets.join(list[0] as number, list[i] as number);
  const of = new Int32Array(length);
  let count = 0;
  // The representative of a set is its smallest element: it has been numbered when the others come.
  for (let i = 0; i < length; i++) {
    const root = sets.rootOf(i);
    of[i] = root === i ? count++ : (of[root] as number);
  }
  const start = new Int32Array(count + 1);
  for (const unit of of) start[unit + 1]!++;
  for (let unit = 0; unit < count; unit++) start[unit + 1]! += start[unit] as number;
  const next = start.slice();
  const members = new Int32Array(length);
  const order = new Float64Array(count).fill(Number.POSITIVE_INFINITY);
  for (const [i, unit] of of.entries()) {
    members[next[unit]!++] = i;
    order[unit] = Math.min(order[unit] as number, orders[i] as number);
  }
  return { count, of, start, members, order };
}

/** Images with the same text, which is not looked at where it is undefined; only lists of two and more. */
export function equalOnes(texts: readonly (string | undefined)[]): number[][] {
  const found = new Map<string, number | number[]>();
  for (const [i, text] of texts.entries()) {
    if (text === undefined) continue;
    const others = found.get(text);
    if (others === undefined) found.set(text, i);
    else if (typeof others === "number") found.set(text, [others, i]);
    else others.push(i);
  }
  return [...found.values()].filter((list) => typeof list !== "number");
}
