import { join } from "node:path";
import { csvText, type EvaluationSplit, getLogger, writeFileAtomic } from "@classifier-training/base";
import type { LightningModule, TrainerView } from "@classifier-training/lightning";
import { evaluationPaths } from "@classifier-training/runs";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import { drawConfusionMatrix } from "../drawing/confusion-matrix.ts";
import { drawLabelConfusions } from "../drawing/label-confusion.ts";
import { countConfusions } from "../statistics/confusion.ts";
import { describeInterval, wilsonInterval } from "../statistics/interval.ts";
import { MultilabelPredictions } from "../statistics/multilabel-predictions.ts";
import { classNamer, type EpochPredictions, EvaluationCallback, evaluationFolder } from "./evaluation.ts";

export const confusionMatrixOptionsSchema = z.strictObject({
  outputDir: z.string().default("outputs"),
  numClasses: z
    .int()
    .positive()
    .nullable()
    .default(null)
    .describe("ignored: the data knows; a figure that disagrees is warned about"),
  classNames: z.array(z.string()).nullable().default(null).describe("names on the axes; by default the data's"),
});

const log = getLogger("classifier.callbacks.confusion_matrix");

/**
 * After each validation epoch: `epoch_NNN/confusion_matrix.png`, and the counts as `confusion_matrix.csv`; of a multilabel
 * model true and false positives and negatives of each class.
 */
export class ConfusionMatrixCallback extends EvaluationCallback {
  readonly options: z.infer<typeof confusionMatrixOptionsSchema>;

  constructor(options: z.infer<typeof confusionMatrixOptionsSchema>) {
    super();
    this.options = options;
  }

  override onFitStart(trainer: TrainerView): void {
    const actual = classificationData(trainer.datamodule)?.numClasses;
    const { numClasses } = this.options;
    if (actual !== undefined && numClasses !== null && numClasses !== actual) {
      log.warning(
        `callbacks.confusion_matrix.num_classes is ${numClasses}, but the data has ${actual} classes: ${actual} are plotted. Remove the option.`,
      );
    }
  }

  protected override evaluated(
    trainer: TrainerView,
    _module: LightningModule,
    predictions: EpochPredictions,
    split: EvaluationSplit,
  ): void {
    const { numClasses, labels, predicted } = predictions;
    const name = classNamer(trainer);
    const given = this.options.classNames;
    if (given !== null && given.length !== numClasses)
      log.warnOnce(
        `callbacks.confusion_matrix.class_names has ${given.length} names, but the data has ${numClasses} classes: the names of the data are plotted. Remove the option.`,
      );
    const names = given?.length === numClasses ? given : Array.from({ length: numClasses }, (_, i) => name(i));
    const folder = evaluationFolder(this.options.outputDir, trainer, split);
    const title = `Confusion matrix, epoch ${trainer.currentEpoch + 1}`;
    if (predictions instanceof MultilabelPredictions) {
      const png = drawLabelConfusions(predictions.reports, names, title, predictions.score.describe());
      const rows = predictions.reports.map(({ tp, fp, fn, tn }, i) => [names[i] ?? i, tp, fp, fn, tn]);
      this.#save(trainer, folder, png, csvText(["class", "tp", "fp", "fn", "tn"], rows));
      return;
    }
    const counts = countConfusions(labels, predicted, numClasses);
    const correct = counts.reduce((sum, row, i) => sum + (row[i] ?? 0), 0);
    const png = drawConfusionMatrix(
      counts,
      names,
      title,
      `top-1 ${describeInterval(wilsonInterval(correct, labels.length))}`,
    );
    // Row by row: a cell each of thousands of classes would be millions of strings.
    const rows = counts.map((row, i) => [names[i] ?? i, ...row]);
    this.#save(trainer, folder, png, csvText(["true\\predicted", ...names], rows));
  }

  #save(trainer: TrainerView, folder: string, png: Buffer, counts: ReturnType<typeof csvText>): void {
    writeFileAtomic(join(folder, evaluationPaths.confusionMatrix), png);
    writeFileAtomic(join(folder, evaluationPaths.confusionCounts), counts);
    log.debug(`confusion matrix saved to ${join(folder, evaluationPaths.confusionMatrix)}`);
    for (const logger of trainer.loggers) logger.logImage?.("confusion_matrix", [{ png }], trainer.globalStep);
  }
}
