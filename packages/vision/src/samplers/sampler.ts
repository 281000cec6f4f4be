/**
 * Decides which samples an epoch visits, in which order. An epoch's order depends on the seed and the epoch number
 * alone, so that a resumed run continues it anywhere.
 */
export interface Sampler {
  /** Number of samples per epoch (of this rank). */
  readonly length: number;
  /** Dataset indices in order, for one epoch. */
  order(epoch: number): Int32Array;
  /**
   * For samplers that may sample an index more than once and give each process a part: how often each of `order`'s
   * indices occurred before, over all processes. Counted within `order` when absent.
   */
  occurrences?(epoch: number): Int32Array;
}

/** How often each index occurred before in the list: the second visit of a sample is augmented differently. */
export function countOccurrences(order: ArrayLike<number>): Int32Array {
  const seen = new Map<number, number>();
  return Int32Array.from(order, (index) => {
    const before = seen.get(index) ?? 0;
    seen.set(index, before + 1);
    return before;
  });
}
