/** How many images of each label each part has, and how many it should have. */
export class Balance {
  readonly #fractions: readonly number[];
  readonly #labels: number;
  readonly #wanted: Float64Array;
  readonly #have: Float64Array;

  /**
   * @param fractions of the parts
   * @param totals images of each label
   */
  constructor(fractions: readonly number[], totals: Float64Array) {
    this.#fractions = fractions;
    this.#labels = totals.length;
    this.#wanted = new Float64Array(fractions.length * totals.length);
    this.#have = new Float64Array(this.#wanted.length);
    for (const [part, fraction] of fractions.entries())
      for (const [label, total] of totals.entries()) this.#wanted[part * this.#labels + label] = fraction * total;
  }

  add(part: number, counts: ReadonlyMap<number, number>): void {
    for (const [label, count] of counts) this.#have[part * this.#labels + label]! += count;
  }

  /** The part that these images bring nearest to what it should have: by the change of the sum of (have - wanted)^2 / wanted. */
  bestPart(counts: ReadonlyMap<number, number>): number {
    let best = 0;
    let bestChange = Number.POSITIVE_INFINITY;
    for (const [part, fraction] of this.#fractions.entries()) {
      if (fraction <= 0) continue;
      let change = 0;
      for (const [label, count] of counts) {
        const at = part * this.#labels + label;
        const wanted = this.#wanted[at] as number;
        change += (count * count + 2 * count * ((this.#have[at] as number) - wanted)) / wanted;
      }
      if (change < bestChange - 1e-9) [best, bestChange] = [part, change];
    }
    return best;
  }
}
