/** Disjoint sets of 0 .. length-1, joined pair by pair (union-find with path halving). */
export class DisjointSets {
  readonly #parent: Int32Array;

  constructor(length: number) {
    this.#parent = Int32Array.from({ length }, (_, i) => i);
  }

  /** The representative of an element's set: the smallest element of it. */
  rootOf(element: number): number {
    const parent = this.#parent;
    let at = element;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  }

  join(a: number, b: number): void {
    const [one, other] = [this.rootOf(a), this.rootOf(b)];
    this.#parent[Math.max(one, other)] = Math.min(one, other);
  }

  /** The sets with more than one element, by their smallest element; elements ascend. */
  groups(): number[][] {
    const groups = new Map<number, number[]>();
    for (const i of this.#parent.keys()) {
      const root = this.rootOf(i);
      if (root === i) continue;
      const group = groups.get(root);
      if (group) group.push(i);
      else groups.set(root, [root, i]);
    }
    return [...groups.values()].sort(([a], [b]) => (a as number) - (b as number));
  }
}
