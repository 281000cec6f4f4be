/**
 * A size: a number; so many for each image of a batch (`{ batch: 196 }` is 196 times the batch size); or unknown until the
 * network runs. Files are made for a batch of one and say 1 where the batch size belongs.
 */
export type Dim = number | { readonly batch: number } | "unknown";

export type Shape = readonly Dim[];

export const batch: Dim = { batch: 1 };

export function isBatch(dim: Dim | undefined): dim is { readonly batch: number } {
  return typeof dim === "object";
}

export function sameDim(a: Dim | undefined, b: Dim | undefined): boolean {
  return isBatch(a) && isBatch(b) ? a.batch === b.batch : a === b && a !== "unknown" && a !== undefined;
}

/** The product of sizes. "unknown" where one is, or where two follow the batch. */
export function productOf(dims: readonly Dim[]): Dim {
  let fixed = 1;
  let follows = 0;
  for (const dim of dims) {
    if (dim === "unknown") return "unknown";
    fixed *= isBatch(dim) ? dim.batch : dim;
    follows += isBatch(dim) ? 1 : 0;
  }
  if (follows > 1) return "unknown";
  return follows === 1 ? { batch: fixed } : fixed;
}

/** `f` of the number in a size: what holds for one image holds for the batch. */
export function mapDim(dim: Dim, f: (size: number) => number): Dim {
  if (dim === "unknown") return dim;
  return isBatch(dim) ? { batch: f(dim.batch) } : f(dim);
}

/** A negative axis counts from the end. */
export function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The shape of an elementwise operation of two. Undefined where they do not broadcast. */
export function broadcastShapes(a: Shape, b: Shape): Shape | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x === 1) result.push(y);
    else if (y === 1 || sameDim(x, y)) result.push(x);
    else if (x === "unknown" || y === "unknown") result.push(x === "unknown" ? y : x);
    else return undefined;
  }
  return result;
}

export function shapeText(shape: Shape): string {
  const text = (dim: Dim) => (isBatch(dim) ? (dim.batch === 1 ? "N" : `${dim.batch}N`) : dim === "unknown" ? "?" : dim);
  return `[${shape.map(text).join(", ")}]`;
}

/** The shape with its axes in another order. */
export function permuted<T>(items: readonly T[], order: readonly number[]): T[] {
  return order.map((axis) => items[axis] as T);
}
