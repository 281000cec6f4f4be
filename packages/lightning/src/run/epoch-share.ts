import type { LogRecipe, ReduceFx } from "./result-collection.ts";

/** What one rank has summed up of a logged value in an epoch. */
export interface EpochShare {
  readonly key: string;
  readonly recipe: LogRecipe;
  /** For a mean, the sum of values times weights. */
  readonly value: number;
  readonly weight: number;
}

/** The values of all ranks together, by entry; a mean is weighted by what each rank has seen. */
export function mergedShares(
  ranks: readonly (readonly EpochShare[])[],
): Map<string, { readonly recipe: LogRecipe; readonly value: number }> {
  const merged = new Map<string, EpochShare>();
  for (const share of ranks.flat()) {
    const before = merged.get(share.key);
    merged.set(share.key, before === undefined ? share : combined(before, share));
  }
  return new Map(
    [...merged].map(([key, { recipe, value, weight }]) => [
      key,
      { recipe, value: recipe.reduceFx === "mean" ? value / weight : value },
    ]),
  );
}

function combined(a: EpochShare, b: EpochShare): EpochShare {
  switch (a.recipe.reduceFx) {
    case "min":
      return { ...a, value: Math.min(a.value, b.value) };
    case "max":
      return { ...a, value: Math.max(a.value, b.value) };
    default:
      return { ...a, value: a.value + b.value, weight: a.weight + b.weight };
  }
}

/** One step's value of all ranks. */
export function reducedStep(values: readonly number[], reduceFx: ReduceFx): number {
  if (reduceFx === "min") return Math.min(...values);
  if (reduceFx === "max") return Math.max(...values);
  const sum = values.reduce((total, value) => total + value, 0);
  return reduceFx === "mean" ? sum / values.length : sum;
}
