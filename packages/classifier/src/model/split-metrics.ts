import { Metric, MulticlassAccuracy, MultilabelF1Score } from "@classifier-training/lightning";
import type { Tensor } from "@classifier-training/torch";
import { bestThresholds, type LabelTable, labelReports, labelScores, sigmoid } from "../statistics/multilabel.ts";
import type { ClassificationModelOptions } from "./options.ts";

type BatchMetric = Metric<unknown, [logits: Tensor, labels: Tensor]>;

/** How the epochs of a split are measured. */
export interface SplitMetrics {
  /** A plain record, so that a checkpoint in mid-epoch finds the metrics' states. */
  readonly parts: Readonly<Record<string, BatchMetric>>;
  /** What is logged behind `SPLIT/`, the main metric first. */
  values(): readonly (readonly [name: string, value: number])[];
}

/** A task's metrics. */
export interface TaskMetrics {
  /** What checkpoints and early stopping go by, behind `val/`. */
  readonly main: string;
  /** What `values` logs, behind `SPLIT/`. */
  readonly names: readonly string[];
  /** The metric of training batches, behind `train/`. */
  readonly train: { readonly name: string; create(): BatchMetric; readonly key: string };
  create(): SplitMetrics;
}

/** The main metrics of the tasks: one stands for the other in a configuration that was written for both. */
export const mainMetrics = { multiclass: "acc_top1", multilabel: "mAP" } as const;

export function taskMetrics({ task }: ClassificationModelOptions, numClasses: number): TaskMetrics {
  return task === "multilabel" ? multilabelMetrics(numClasses) : multiclassMetrics(numClasses);
}

function multiclassMetrics(numClasses: number): TaskMetrics {
  const topK = Math.min(5, numClasses);
  const classes = Array.from({ length: numClasses }, (_, i) => `acc_class_${i}`);
  return {
    main: mainMetrics.multiclass,
    names: [mainMetrics.multiclass, "acc_top5", ...classes],
    train: { name: "acc_top1", key: "top1", create: () => new MulticlassAccuracy({ numClasses, average: "micro" }) },
    create() {
      const parts = {
        top1: new MulticlassAccuracy({ numClasses, average: "micro" }),
        top5: new MulticlassAccuracy({ numClasses, average: "micro", topK }),
        perClass: new MulticlassAccuracy({ numClasses, average: "none" }),
      };
      return {
        parts,
        values: () => [
          [mainMetrics.multiclass, parts.top1.compute() as number],
          ["acc_top5", parts.top5.compute() as number],
          ...(parts.perClass.compute() as readonly number[]).map((value, i) => [`acc_class_${i}`, value] as const),
        ],
      };
    },
  };
}

/** F1 at a threshold of 0.5 here, torchmetrics' default: the best thresholds are those of one epoch. */
function multilabelMetrics(numClasses: number): TaskMetrics {
  const byClass = (name: string) => Array.from({ length: numClasses }, (_, i) => `${name}_class_${i}`);
  return {
    main: mainMetrics.multilabel,
    names: [mainMetrics.multilabel, "f1_macro", "f1_micro", ...byClass("ap"), ...byClass("f1")],
    train: { name: "f1_micro", key: "f1", create: () => new TrainF1(numClasses) },
    create() {
      const parts = { labels: new LabelTableMetric(numClasses) };
      return {
        parts,
        values() {
          const reports = labelReports(parts.labels.compute());
          const { mAP, f1Macro, f1Micro } = labelScores(reports);
          return [
            [mainMetrics.multilabel, mAP],
            ["f1_macro", f1Macro],
            ["f1_micro", f1Micro],
            // A class without samples has none.
            ...reports.map(({ ap }, i) => [`ap_class_${i}`, Number.isNaN(ap) ? 0 : ap] as const),
            ...reports.map(({ f1 }, i) => [`f1_class_${i}`, f1] as const),
          ];
        },
      };
    },
  };
}

/** All probabilities and labels of an epoch, of all ranks. */
class LabelTableMetric extends Metric<LabelTable, [logits: Tensor, labels: Tensor]> {
  protected readonly reductions = { probabilities: "cat", targets: "cat" } as const;
  readonly #numClasses: number;

  constructor(numClasses: number) {
    super();
    this.#numClasses = numClasses;
  }

  protected measure(logits: Tensor, labels: Tensor): Record<string, Float64Array> {
    const rows = logits.detach().to({ dtype: "float32", device: "cpu" }).contiguous().toTypedArray() as Float32Array;
    const targets = labels.detach().to({ dtype: "float32", device: "cpu" }).contiguous().toTypedArray();
    return { probabilities: Float64Array.from(rows, sigmoid), targets: Float64Array.from(targets as Float32Array) };
  }

  protected evaluate(state: Readonly<Record<string, Float64Array | undefined>>): LabelTable {
    const { probabilities = new Float64Array(), targets = new Float64Array() } = state;
    return { numClasses: this.#numClasses, probabilities, targets };
  }
}

/** Labels that MixUp has blended count from one half on. */
class TrainF1 extends MultilabelF1Score {
  constructor(numLabels: number) {
    super({ numLabels, average: "micro" });
  }

  protected override measure(logits: Tensor, labels: Tensor) {
    return super.measure(logits, labels.ge(0.5).to({ dtype: "float32" }));
  }
}

/** The thresholds that the measured epoch found best; undefined for a task without any. */
export function thresholdsOf({ parts }: SplitMetrics): number[] | undefined {
  return parts["labels"] instanceof LabelTableMetric ? bestThresholds(parts["labels"].compute()) : undefined;
}
