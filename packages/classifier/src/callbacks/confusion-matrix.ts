import { join } from "node:path";
import { csvText, type EvaluationSplit, getLogger, writeFileAtomic } from "@classifier-training/base";
import type { LightningModule, TrainerView } from "@classifier-training/lightning";
import {
  countConfusions,
  describeInterval,
  evaluationPaths,
  wilsonInterval,
  writeConfusionCounts,
} from "@classifier-training/runs";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import { drawConfusionMatrix } from "../drawing/confusion-matrix.ts";
import { drawLabelConfusions } from "../drawing/label-confusion.ts";
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
      writeFileAtomic(join(folder, evaluationPaths.confusionCounts), csvText(["class", "tp", "fp", "fn", "tn"], rows));
      this.#save(trainer, folder, png);
      return;
    }
    const cells = countConfusions(labels, predicted);
    const correct = cells.reduce((sum, cell) => sum + (cell.label === cell.predicted ? cell.count : 0), 0);
    const counts = names.map(() => new Array<number>(numClasses).fill(0));
    for (const { label, predicted: column, count } of cells) (counts[label] as number[])[column] = count;
    const png = drawConfusionMatrix(
      counts,
      names,
      title,
      `top-1 ${describeInterval(wilsonInterval(correct, labels.length))}`,
    );
    writeConfusionCounts(join(folder, evaluationPaths.confusionCounts), cells, names);
    this.#save(trainer, folder, png);
  }

  #save(trainer: TrainerView, folder: string, png: Buffer): void {
    writeFileAtomic(join(folder, evaluationPaths.confusionMatrix), png);
    log.debug(`confusion matrix saved to ${join(folder, evaluationPaths.confusionMatrix)}`);
    for (const logger of trainer.loggers) logger.logImage?.("confusion_matrix", [{ png }], trainer.globalStep);
  }
}
