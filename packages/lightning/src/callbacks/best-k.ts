/** The k best scores of files; ties keep the earlier file. Scores are float32, as Lightning's are. */
export class BestK {
  readonly #minimize: boolean;
  readonly #k: number;
  readonly scores = new Map<string, number>();
  bestPath = "";
  bestScore: number | null = null;
  kthPath = "";
  kthValue: number;
  currentScore: number | null = null;

  constructor(mode: "min" | "max", k: number) {
    this.#minimize = mode === "min";
    this.#k = k;
    this.kthValue = this.#worst;
  }

  get #worst(): number {
    return this.#minimize ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  }

  #better(a: number, b: number): boolean {
    return this.#minimize ? a < b : a > b;
  }

  accepts(score: number): boolean {
    if (this.#k === -1 || this.scores.size < this.#k) return true;
    return this.#better(Math.fround(score), this.scores.get(this.kthPath) ?? this.#worst);
  }

  /** Makes room for one more: takes out the worst, when there are k. */
  evict(): { readonly path: string; readonly score: number } | undefined {
    if (this.#k === -1 || this.scores.size < this.#k) return undefined;
    const path = this.kthPath;
    const score = this.scores.get(path) ?? this.#worst;
    this.scores.delete(path);
    return { path, score };
  }

  /** @returns the score as it counts: NaN is the worst there is */
  add(path: string, value: number): number {
    const score = Number.isNaN(value) ? this.#worst : Math.fround(value);
    this.currentScore = score;
    this.scores.set(path, score);
    this.#rank();
    return score;
  }

  /** A file could not be written: it is forgotten, and what it would have replaced is back. */
  undo(path: string, evicted: { readonly path: string; readonly score: number } | undefined): void {
    this.scores.delete(path);
    if (evicted !== undefined) this.scores.set(evicted.path, evicted.score);
    this.#rank();
  }

  #rank(): void {
    const limit = this.#k === -1 ? this.scores.size : this.#k;
    if (this.scores.size === limit) {
      this.kthPath = this.#pick((a, b) => this.#better(b, a));
      this.kthValue = this.scores.get(this.kthPath) ?? this.#worst;
    }
    this.bestPath = this.#pick((a, b) => this.#better(a, b));
    this.bestScore = this.scores.get(this.bestPath) ?? null;
  }

  #pick(wins: (a: number, b: number) => boolean): string {
    let chosen = "";
    let value = 0;
    for (const [path, score] of this.scores) {
      if (chosen !== "" && !wins(score, value)) continue;
      chosen = path;
      value = score;
    }
    return chosen;
  }

  stateDict() {
    const { scores, bestPath, bestScore, kthPath, kthValue, currentScore } = this;
    return { scores: new Map(scores), bestPath, bestScore, kthPath, kthValue, currentScore };
  }

  loadStateDict(state: ReturnType<BestK["stateDict"]>): void {
    this.scores.clear();
    for (const [path, score] of state.scores) this.scores.set(path, score);
    const { bestPath, bestScore, kthPath, kthValue, currentScore } = state;
    Object.assign(this, { bestPath, bestScore, kthPath, kthValue, currentScore });
  }
}
