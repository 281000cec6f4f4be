/** @returns `counts[true][predicted]` */
export function countConfusions(
  labels: readonly number[],
  predicted: readonly number[],
  numClasses: number,
): number[][] {
  const counts = Array.from({ length: numClasses }, () => new Array<number>(numClasses).fill(0));
  for (const [i, label] of labels.entries()) {
    const row = counts[label];
    const column = predicted[i];
    if (row !== undefined && column !== undefined) row[column] = (row[column] ?? 0) + 1;
  }
  return counts;
}

/** How one class fared. */
export interface ClassReport {
  readonly support: number;
  readonly correct: number;
  /** Correct among those predicted as this class; 0 when none was. */
  readonly precision: number;
  /** Correct among those of this class; 0 when there is none. */
  readonly recall: number;
  /** Harmonic mean of the two. */
  readonly f1: number;
}

export function classReports(counts: readonly (readonly number[])[]): ClassReport[] {
  return counts.map((row, k) => {
    const support = row.reduce((sum, value) => sum + value, 0);
    const claimed = counts.reduce((sum, other) => sum + (other[k] ?? 0), 0);
    const correct = row[k] ?? 0;
    const precision = claimed === 0 ? 0 : correct / claimed;
    const recall = support === 0 ? 0 : correct / support;
    const f1 = precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
    return { support, correct, precision, recall, f1 };
  });
}
