import { join } from "node:path";
import { getLogger, writeFileAtomic } from "@classifier-training/base";
import type { LightningModule, TrainerView } from "@classifier-training/lightning";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import { classReports, countConfusions } from "../statistics/confusion.ts";
import { describeProportion, proportion } from "../statistics/interval.ts";
import { csvText } from "./csv.ts";
import { type EpochPredictions, EvaluationCallback, evaluationFolder } from "./evaluation.ts";

export const classificationReportOptions = z.strictObject({
  outputDir: z.string().default("outputs"),
  worst: z.int().min(0).default(5).describe("how many of the weakest classes the log names"),
});

const log = getLogger("classifier.callbacks.report");

/**
 * After each validation epoch, under `epoch_NNN/`: `class_report.csv` (precision, recall, F1, support),
 * `misclassified.csv` and `predictions.csv` (every sample, for paired comparisons of runs); and in the log the accuracy
 * with its interval and the weakest classes.
 */
export class ClassificationReportCallback extends EvaluationCallback {
  readonly options: z.infer<typeof classificationReportOptions>;

  constructor(options: z.infer<typeof classificationReportOptions>) {
    super();
    this.options = options;
  }

  protected override evaluated(
    trainer: TrainerView,
    _module: LightningModule,
    predictions: EpochPredictions,
    split: "val" | "test",
  ): void {
    const data = classificationData(trainer.datamodule);
    const name = (index: number | undefined) => (index === undefined ? "" : (data?.classNames[index] ?? String(index)));
    const samples = data?.samples(split) ?? [];
    const rows = predictions.labels.map((label, i) => {
      const index = predictions.indices[i] ?? i;
      const predicted = predictions.predicted[i];
      const confidence = (predictions.confidence[i] ?? 0).toFixed(6);
      return {
        correct: label === predicted,
        cells: [samples[index]?.path ?? String(index), name(label), name(predicted), confidence],
      };
    });
    const reports = classReports(countConfusions(predictions.labels, predictions.predicted, predictions.numClasses));
    const folder = evaluationFolder(this.options.outputDir, trainer, split);
    const columns = ["sample", "true", "predicted", "confidence"];
    writeFileAtomic(
      join(folder, "predictions.csv"),
      csvText(
        columns,
        rows.map((row) => row.cells),
      ),
    );
    writeFileAtomic(
      join(folder, "misclassified.csv"),
      csvText(
        columns,
        rows.filter((row) => !row.correct).map((row) => row.cells),
      ),
    );
    writeFileAtomic(
      join(folder, "class_report.csv"),
      csvText(
        ["class", "precision", "recall", "f1", "support"],
        reports.map((r, k) => [name(k), r.precision.toFixed(4), r.recall.toFixed(4), r.f1.toFixed(4), r.support]),
      ),
    );
    const correct = rows.filter((row) => row.correct).length;
    log.info(`${split} top-1: ${describeProportion(proportion(correct, rows.length))}`);
    const weakest = reports
      .map((report, k) => ({ ...report, name: name(k) }))
      .filter((report) => report.support > 0 && report.recall < 1)
      .sort((a, b) => a.f1 - b.f1)
      .slice(0, this.options.worst);
    if (weakest.length > 0)
      log.info(`weakest classes: ${weakest.map((r) => `${r.name} (${r.correct} of ${r.support})`).join(", ")}`);
  }
}
