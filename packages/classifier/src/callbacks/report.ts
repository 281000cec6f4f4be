import { join, sep } from "node:path";
import { csvText, type EvaluationSplit, getLogger, plural, writeFileAtomic } from "@classifier-training/base";
import type { LightningModule, TrainerView } from "@classifier-training/lightning";
import {
  classReports,
  describeInterval,
  dropPredictionDetails,
  epochFolder,
  evaluationPaths,
  percent,
  writePredictions,
} from "@classifier-training/runs";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import { reliabilityDiagram, riskCoverageChart } from "../drawing/confidence-plots.ts";
import { renderTable } from "../drawing/table.ts";
import { describeMeasures, describeWeakness, summarize } from "../evaluation/label-summary.ts";
import { type NamedPrediction, withoutDetails } from "../evaluation/summary.ts";
import { MultilabelPredictions } from "../statistics/multilabel-predictions.ts";
import { classNamer, type EpochPredictions, EvaluationCallback, evaluationFolder } from "./evaluation.ts";

export const classificationReportOptionsSchema = z.strictObject({
  outputDir: z.string().default("outputs"),
  worst: z.int().min(0).default(5).describe("how many of the weakest classes and most confident errors the log names"),
});

const log = getLogger("classifier.callbacks.report");

/**
 * After each validation epoch, under `epoch_NNN/`: `class_report.csv` (precision, recall, F1, support; of a multilabel
 * model also average precision and threshold),
 * `misclassified.csv` and `predictions.csv` (every sample, for paired comparisons of runs); and in the log file the accuracy
 * with its interval, the weakest classes and the most confident errors. When training ends, and after `validate` and `test`,
 * it gets the whole table of classes and the list of errors; of a multiclass model `reliability.png` and `risk_coverage.png`
 * are plotted then, of the best and of the last epoch.
 */
export class ClassificationReportCallback extends EvaluationCallback {
  readonly options: z.infer<typeof classificationReportOptionsSchema>;
  /** The tables of the last evaluation. */
  #tables: string[] = [];
  /** Of the epoch with the best score. */
  #best: { readonly epoch: number; readonly score: number } | undefined;
  /** Plots the confidence of the best and of the last epoch of this process. */
  #plotBest: (() => void) | undefined;
  #plotLast: (() => void) | undefined;
  /** Epochs whose predictions have details: the best one and the last one. */
  #detailed: readonly number[] = [];

  constructor(options: z.infer<typeof classificationReportOptionsSchema>) {
    super();
    this.options = options;
  }

  override onFitEnd(trainer: TrainerView, module: LightningModule): void | Promise<void> {
    this.#logTables();
    for (const plot of new Set([this.#plotBest, this.#plotLast])) plot?.();
    this.#plotBest = undefined;
    this.#plotLast = undefined;
    return super.onFitEnd(trainer, module);
  }

  /** Drops the details of the epochs that are not the best or the last one any more. */
  #keepDetails(epoch: number, score: number): void {
    if (this.#best === undefined || score > this.#best.score) this.#best = { epoch, score };
    const kept = [this.#best.epoch, epoch];
    for (const other of this.#detailed) {
      if (kept.includes(other)) continue;
      dropPredictionDetails(join(this.options.outputDir, epochFolder(other), evaluationPaths.predictions));
    }
    this.#detailed = [...new Set(kept)];
  }

  override stateDict(): Record<string, unknown> {
    return { ...(this.#best && { best: this.#best }), detailed: this.#detailed };
  }

  override loadStateDict({ best, detailed }: Record<string, unknown>): void {
    this.#best = best as { epoch: number; score: number } | undefined;
    this.#detailed = (detailed as readonly number[] | undefined) ?? [];
  }

  #logTables(): void {
    for (const table of this.#tables) log.detail(table);
    this.#tables = [];
  }

  #plotConfidence(trainer: TrainerView, rows: readonly NamedPrediction[], folder: string, title: string): void {
    // Sets of labels have no confidence of their own.
    if (rows.length === 0 || rows.some(({ counts }) => counts !== undefined)) return;
    const confidence = rows.map((row) => row.confidence);
    const correct = rows.map((row) => row.true === row.predicted);
    const plots = {
      reliability: reliabilityDiagram(confidence, correct, `Reliability, ${title}`),
      riskCoverage: riskCoverageChart(confidence, correct, `Risk and coverage, ${title}`),
    };
    for (const [name, data] of Object.entries(plots)) {
      const path = join(folder, evaluationPaths[name as keyof typeof plots]);
      this.plot(trainer, { kind: "lineChart", data }, path, name);
    }
  }

  protected override evaluated(
    trainer: TrainerView,
    _module: LightningModule,
    predictions: EpochPredictions,
    split: EvaluationSplit,
  ): void {
    const name = classNamer(trainer);
    const samples = classificationData(trainer.datamodule)?.samples(split) ?? [];
    const { worst } = this.options;
    const { rows, summary } = summarize(predictions, samples, name, worst);
    const { accuracy, measures, weakest, errors } = summary;
    const { columns, reports } = classTable(predictions);
    const folder = evaluationFolder(this.options.outputDir, trainer, split);
    const title = trainer.fn === "fit" ? `${split}, epoch ${trainer.currentEpoch + 1}` : split;
    writePredictions(join(folder, evaluationPaths.predictions), rows);
    writePredictions(join(folder, evaluationPaths.misclassified), withoutDetails(errors));
    writeFileAtomic(
      join(folder, evaluationPaths.classReport),
      csvText(
        ["class", ...columns],
        reports.map((values, k) => [name(k), ...values.map(written(4))]),
      ),
    );
    const plot = () => this.#plotConfidence(trainer, rows, folder, title);
    if (trainer.fn !== "fit") plot();
    else {
      this.#keepDetails(trainer.currentEpoch, predictions.score.value);
      if (this.#best?.epoch === trainer.currentEpoch) this.#plotBest = plot;
      this.#plotLast = plot;
    }
    this.#tables = [
      renderTable(
        `Classes, ${split}, ${plural(rows.length, "sample")}`,
        ["class", ...columns.map((column) => (column === "f1" ? "F1" : column))],
        reports.map((values, k) => [name(k), ...values.map(written(3))]),
      ),
      ...(errors.length === 0 ? [] : [errorsTable(errors, folder)]),
    ];
    if (trainer.fn !== "fit") this.#logTables();
    if (measures === undefined) log.detail(`${split} top-1: ${describeInterval(accuracy)}`);
    else for (const line of describeMeasures(measures, accuracy)) log.detail(`${split} ${line}`);
    if (weakest.length > 0) log.detail(`weakest classes: ${weakest.map(describeWeakness).join(", ")}`);
    const confident = errors.slice(0, worst).map(({ sample, true: label, predicted, confidence }) => {
      const short = sample.split(sep).slice(-2).join("/");
      return `${short} (${label || "none"} predicted as ${predicted || "none"}, ${percent(confidence)})`;
    });
    if (confident.length > 0) log.detail(`most confident errors: ${confident.join(", ")}`);
  }
}

/** A class's numbers, by column; integers are counts. */
function classTable(predictions: EpochPredictions): { columns: string[]; reports: number[][] } {
  const columns = ["precision", "recall", "f1", "support"];
  if (predictions instanceof MultilabelPredictions)
    return {
      columns: [...columns, "ap", "threshold"],
      reports: predictions.reports.map((r) => [r.precision, r.recall, r.f1, r.tp + r.fn, r.ap, r.threshold]),
    };
  const { labels, predicted, numClasses } = predictions;
  const reports = classReports(labels, predicted, numClasses);
  return { columns, reports: reports.map((r) => [r.precision, r.recall, r.f1, r.support]) };
}

/** The column of counts. */
const support = 3;

function written(digits: number): (value: number, column: number) => string | number {
  return (value, column) => (column === support ? value : Number.isNaN(value) ? "" : value.toFixed(digits));
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
