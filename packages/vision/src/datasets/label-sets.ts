/** What a sample's labels are, in torchmetrics' words: exactly one class, or any number of classes. */
export const tasks = ["multiclass", "multilabel"] as const;

export type Task = (typeof tasks)[number];

/**
 * The classes of each sample of a multilabel dataset, in the compressed rows of a sparse matrix [N, K]: no object per
 * sample, however many samples there are.
 */
export class LabelSets {
  /** [N + 1]: the classes of sample i are `classes[offsets[i]]` to `classes[offsets[i + 1] - 1]`. */
  readonly offsets: Int32Array;
  /** Class indices, ascending and without repetitions within a sample. */
  readonly classes: Int32Array;

  private constructor(offsets: Int32Array, classes: Int32Array) {
    this.offsets = offsets;
    this.classes = classes;
  }

  /** @param setOf the class indices of each sample, in any order */
  static from(length: number, setOf: (index: number) => Iterable<number>): LabelSets {
    const offsets = new Int32Array(length + 1);
    let classes = new Int32Array(2 * length + 16);
    let end = 0;
    for (let i = 0; i < length; i++) {
      const own = Int32Array.from(new Set(setOf(i))).sort();
      if (end + own.length > classes.length) {
        const larger = new Int32Array(2 * (end + own.length));
        larger.set(classes);
        classes = larger;
      }
      classes.set(own, end);
      end += own.length;
      offsets[i + 1] = end;
    }
    return new LabelSets(offsets, classes.slice(0, end));
  }

  /** Number of samples. */
  get length(): number {
    return this.offsets.length - 1;
  }

  /** The classes of a sample: a view. */
  of(index: number): Int32Array {
    return this.classes.subarray(this.offsets[index], this.offsets[index + 1]);
  }

  /** The chosen samples only, in the given order. */
  subset(indices: ArrayLike<number>): LabelSets {
    return LabelSets.from(indices.length, (i) => this.of(indices[i] as number));
  }

  /** These samples, and others behind them. */
  concat(other: LabelSets): LabelSets {
    const offsets = new Int32Array(this.length + other.length + 1);
    offsets.set(this.offsets);
    for (let i = 1; i <= other.length; i++) {
      offsets[this.length + i] = this.classes.length + (other.offsets[i] as number);
    }
    const classes = new Int32Array(this.classes.length + other.classes.length);
    classes.set(this.classes);
    classes.set(other.classes, this.classes.length);
    return new LabelSets(offsets, classes);
  }

  /** A class of each sample, the first one; -1 for a sample of no class. */
  first(): Int32Array {
    return Int32Array.from({ length: this.length }, (_, i) => this.of(i)[0] ?? -1);
  }

  /** Rows of a matrix [n, K] in float32: 1 for the classes of a sample, 0 for the others. */
  rows(indices: ArrayLike<number>, numClasses: number): Float32Array {
    const rows = new Float32Array(indices.length * numClasses);
    for (let row = 0; row < indices.length; row++) {
      for (const label of this.of(indices[row] as number)) rows[row * numClasses + label] = 1;
    }
    return rows;
  }
}
