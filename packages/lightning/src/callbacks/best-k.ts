/** A file among the best: asked for, and written or lost some time later. */
export interface BestFile {
  readonly path: string;
  /** One that is not finite counts as the worst there is. */
  readonly score: number;
  /** What had to go for it. */
  readonly evicted: BestFile | undefined;
  lost: boolean;
}

/** The k best scores of files; ties keep the earlier file. Scores are float32, as Lightning's are. */
export class BestK {
  readonly #minimize: boolean;
  readonly #k: number;
  readonly scores = new Map<string, number>();
  readonly #files = new Map<string, BestFile>();
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

  /** Lightning takes NaN for the worst score, and an infinity for what it says; here neither can be best. */
  #comparable(score: number): number {
    return Number.isFinite(score) ? Math.fround(score) : this.#worst;
  }

  accepts(score: number): boolean {
    if (this.#k === -1 || this.scores.size < this.#k) return true;
    return this.#better(this.#comparable(score), this.scores.get(this.kthPath) ?? this.#worst);
  }

  /** Makes room for one more: takes out the worst, when there are k. */
  evict(): BestFile | undefined {
    if (this.#k === -1 || this.scores.size < this.#k) return undefined;
    const path = this.kthPath;
    const score = this.scores.get(path) ?? this.#worst;
    const file = this.#files.get(path) ?? { path, score, evicted: undefined, lost: false };
    this.#files.delete(path);
    this.scores.delete(path);
    return file;
  }

  add(path: string, value: number, evicted: BestFile | undefined): BestFile {
    const score = this.#comparable(value);
    this.currentScore = score;
    const file: BestFile = { path, score, evicted, lost: false };
    this.#put(file);
    return file;
  }

  #put(file: BestFile): void {
    this.scores.set(file.path, file.score);
    this.#files.set(file.path, file);
    this.#rank();
  }

  /** A file could not be written: it is forgotten, and what it replaced is back, unless that was lost as well. */
  undo(file: BestFile): void {
    file.lost = true;
    // A later one may have taken its place: if that is lost too, it finds its way back past this one.
    if (this.#files.get(file.path) !== file) return;
    this.#files.delete(file.path);
    this.scores.delete(file.path);
    const back = lastWritten(file.evicted);
    if (back === undefined) this.#rank();
    else this.#put(back);
  }

  /** A file is written. @returns an older one that nothing else will remove: the one between the two was lost */
  confirm(file: BestFile): string | undefined {
    const { evicted } = file;
    return evicted?.lost ? lastWritten(evicted)?.path : undefined;
  }

  #rank(): void {
    const limit = this.#k === -1 ? this.scores.size : this.#k;
    if (this.scores.size === limit) {
      this.kthPath = this.#pick((a, b) => this.#better(b, a));
      this.kthValue = this.scores.get(this.kthPath) ?? this.#worst;
    }
    const best = this.#pick((a, b) => this.#better(a, b));
    const score = this.scores.get(best);
    const isMeasured = score !== undefined && Number.isFinite(score);
    this.bestPath = isMeasured ? best : "";
    this.bestScore = isMeasured ? score : null;
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
    this.#files.clear();
    for (const [path, score] of state.scores) this.scores.set(path, score);
    const { bestPath, bestScore, kthPath, kthValue, currentScore } = state;
    Object.assign(this, { bestPath, bestScore, kthPath, kthValue, currentScore });
  }

  /** Forgets the worst of more than k: those of a state that kept more. @returns their files */
  trim(): string[] {
    const forgotten: string[] = [];
    while (this.#k > 0 && this.scores.size > this.#k) {
      const worst = this.#pick((a, b) => this.#better(b, a));
      this.scores.delete(worst);
      forgotten.push(worst);
    }
    if (this.#k > 0) this.#rank();
    return forgotten;
  }
}

function lastWritten(file: BestFile | undefined): BestFile | undefined {
  let one = file;
  while (one?.lost) one = one.evicted;
  return one;
}
