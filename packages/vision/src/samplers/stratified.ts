import { Rng } from "@classifier-training/base";
import { VisionError } from "../errors.ts";
import { SubsetSampler } from "./basic.ts";

/**
 * A part of the samples in which every class keeps its share (at least one sample of each), chosen once by the seed.
 * @param size number of samples, or a fraction of them if at most 1.
 * @returns dataset indices in ascending order.
 */
export function stratifiedSubset(targets: Int32Array, size: number, { seed = 0 }: { seed?: number } = {}): Int32Array {
  const fraction = size <= 1 ? size : size / targets.length;
  if (!(fraction > 0 && fraction <= 1)) {
    throw new VisionError({
      code: "vision/subset",
      what: `stratified subset: expected a fraction in (0, 1] or at most ${targets.length} samples, received ${size}`,
    });
  }
  const byClass = new Map<number, number[]>();
  for (const [index, target] of targets.entries()) {
    const members = byClass.get(target);
    if (members) members.push(index);
    else byClass.set(target, [index]);
  }
  const chosen: number[] = [];
  for (const [target, members] of byClass) {
    const count = Math.max(1, Math.round(members.length * fraction));
    const order = Rng.at(seed, target, "stratified").permutation(members.length);
    for (const i of order.subarray(0, count)) chosen.push(members[i] as number);
  }
  return Int32Array.from(chosen).sort();
}

/** A stratified subset, shuffled anew each epoch. */
export class StratifiedSubsetSampler extends SubsetSampler {
  constructor(targets: Int32Array, size: number, options: { seed?: number; shuffle?: boolean } = {}) {
    super(stratifiedSubset(targets, size, options), options);
  }
}
