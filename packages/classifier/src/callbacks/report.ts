import { join, sep } from "node:path";
import { csvText, type EvaluationSplit, getLogger, plural, writeFileAtomic } from "@classifier-training/base";
import type { LightningModule, TrainerView } from "@classifier-training/lightning";
import { evaluationPaths, writePredictions } from "@classifier-training/runs";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import { renderTable } from "../drawing/table.ts";
import { type NamedPrediction, namedPredictions, summarizePredictions } from "../evaluation/summary.ts";
import { classReports, countConfusions } from "../statistics/confusion.ts";
import { describeInterval, percent } from "../statistics/interval.ts";
import { classNamer, type EpochPredictions, EvaluationCallback, evaluationFolder } from "./evaluation.ts";

export const classificationReportOptionsSchema = z.strictObject({
  outputDir: z.string().default("outputs"),
  worst: z.int().min(0).default(5).describe("how many of the weakest classes and most confident errors the log names"),
});

const log = getLogger("classifier.callbacks.report");

/**
 * After each validation epoch, under `epoch_NNN/`: `class_report.csv` (precision, recall, F1, support),
 * `misclassified.csv` and `predictions.csv` (every sample, for paired comparisons of runs); and in the log file the accuracy
 * with its interval, the weakest classes and the most confident errors. When training ends, and after `validate` and `test`,
 * it gets the whole table of classes and the list of errors.
 */
export class ClassificationReportCallback extends EvaluationCallback {
  readonly options: z.infer<typeof classificationReportOptionsSchema>;
  /** The tables of the last evaluation. */
  #tables: string[] = [];

  constructor(options: z.infer<typeof classificationReportOptionsSchema>) {
    super();
    this.options = options;
  }

  override onFitEnd(): void {
    this.#logTables();
  }

  #logTables(): void {
    for (const table of this.#tables) log.detail(table);
    this.#tables = [];
  }

  protected override evaluated(
    trainer: TrainerView,
    _module: LightningModule,
    predictions: EpochPredictions,
    split: EvaluationSplit,
  ): void {
    const name = classNamer(trainer);
    const samples = classificationData(trainer.datamodule)?.samples(split) ?? [];
    const rows = namedPredictions(predictions, samples, name);
    const { worst } = this.options;
    const { accuracy, weakest, errors } = summarizePredictions(rows, worst);
    const reports = classReports(countConfusions(predictions.labels, predictions.predicted, predictions.numClasses));
    const folder = evaluationFolder(this.options.outputDir, trainer, split);
    writePredictions(join(folder, evaluationPaths.predictions), rows);
    writePredictions(join(folder, evaluationPaths.misclassified), errors);
    writeFileAtomic(
      join(folder, evaluationPaths.classReport),
      csvText(
        ["class", "precision", "recall", "f1", "support"],
        reports.map((r, k) => [name(k), r.precision.toFixed(4), r.recall.toFixed(4), r.f1.toFixed(4), r.support]),
      ),
    );
    this.#tables = [
      renderTable(
        `Classes, ${split}, ${plural(rows.length, "sample")}`,
        ["class", "precision", "recall", "F1", "support"],
        reports.map((r, k) => [name(k), r.precision.toFixed(3), r.recall.toFixed(3), r.f1.toFixed(3), r.support]),
      ),
      ...(errors.length === 0 ? [] : [errorsTable(errors, folder)]),
    ];
    if (trainer.fn !== "fit") this.#logTables();
    log.detail(`${split} top-1: ${describeInterval(accuracy)}`);
    if (weakest.length > 0)
      log.detail(`weakest classes: ${weakest.map((r) => `${r.name} (${r.correct} of ${r.support})`).join(", ")}`);
    const confident = errors.slice(0, worst).map(({ sample, true: label, predicted, confidence }) => {
      const short = sample.split(sep).slice(-2).join("/");
      return `${short} (${label} predicted as ${predicted}, ${percent(confidence)})`;
    });
    if (confident.length > 0) log.detail(`most confident errors: ${confident.join(", ")}`);
  }
}

/** The most confident ones; the file has all. */
const shownErrors = 30;

function errorsTable(errors: readonly NamedPrediction[], folder: string): string {
  const more =
    errors.length > shownErrors
      ? `, the ${shownErrors} most confident (all in ${join(folder, evaluationPaths.misclassified)})`
      : "";
  return renderTable(
    `${plural(errors.length, "error")}${more}`,
    ["sample", "true", "predicted", "confidence"],
    errors
      .slice(0, shownErrors)
      .map(({ sample, true: label, predicted, confidence }) => [sample, label, predicted, confidence.toFixed(6)]),
  );
}
