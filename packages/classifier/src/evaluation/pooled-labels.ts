import { comparePython } from "@classifier-training/base";
import { splitLabels } from "@classifier-training/runs";
import { type BootstrapInterval, bootstrapScores, labelReports, sigmoid } from "../statistics/multilabel.ts";
import type { StoredLabels } from "./label-logits.ts";
import type { NamedPrediction } from "./summary.ts";

/** What several multilabel models, each at its own thresholds, said of images that none of the others predicted. */
export interface PooledLabels {
  /** Undefined where a model's logits are not stored, or two models have other classes. */
  readonly mAP: BootstrapInterval | undefined;
  readonly f1Macro: BootstrapInterval;
  readonly f1Micro: BootstrapInterval;
  /** By class name, with mAP. */
  readonly averagePrecision: ReadonlyMap<string, number> | undefined;
}

interface LabelPredictions {
  readonly rows: readonly NamedPrediction[];
  readonly labels: StoredLabels | undefined;
}

/** Their measures over all images; undefined for predictions of one label each. */
export function poolLabels(parts: readonly LabelPredictions[]): PooledLabels | undefined {
  const rows = parts.flatMap((part) => part.rows);
  if (rows.every(({ counts }) => counts === undefined)) return undefined;
  const sets = rows.map((row) => ({ true: splitLabels(row.true), predicted: splitLabels(row.predicted) }));
  const named = [...new Set(sets.flatMap((set) => [...set.true, ...set.predicted]))].sort(comparePython);
  const stored = parts.flatMap(({ labels }) => labels ?? []);
  const [first] = stored;
  const isStored =
    stored.length === parts.length &&
    stored.every(({ classNames }) => classNames.join("\n") === first?.classNames.join("\n"));
  const classNames = isStored && first !== undefined ? first.classNames : named;
  const numClasses = classNames.length;
  const columns = new Map(classNames.map((name, k) => [name, k]));
  const marked = (side: "true" | "predicted") => {
    const marks = new Uint8Array(rows.length * numClasses);
    for (const [i, set] of sets.entries())
      for (const name of set[side]) marks[i * numClasses + (columns.get(name) as number)] = 1;
    return marks;
  };
  const targets = marked("true");
  // Each model has thresholds of its own: what it predicted is what F1 is of.
  const { f1Macro, f1Micro } = bootstrapScores({ numClasses, probabilities: marked("predicted"), targets }, []);
  if (!isStored) return { mAP: undefined, f1Macro, f1Micro, averagePrecision: undefined };
  const probabilities = Float64Array.from(
    stored.flatMap(({ predictions }) => predictions.logits.flatMap((row) => Array.from(row, sigmoid))),
  );
  const table = { numClasses, probabilities, targets };
  const aps = labelReports(table).map(({ ap }, k) => [classNames[k] as string, ap] as const);
  return { mAP: bootstrapScores(table, []).mAP, f1Macro, f1Micro, averagePrecision: new Map(aps) };
}
