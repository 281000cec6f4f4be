import { join } from "node:path";
import { csvText, type EvaluationSplit, getLogger, writeFileAtomic } from "@classifier-training/base";
import type { LightningModule, TrainerView } from "@classifier-training/lightning";
import { countConfusions, evaluationPaths, writeConfusionCounts } from "@classifier-training/runs";
import { z } from "zod";
import { classificationData } from "../data/classification-datamodule.ts";
import type { Plot } from "../drawing/plots.ts";
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
  everyNEpochs: z.int().positive().default(1).describe("epochs between two images; the counts are always written"),
});

const log = getLogger("classifier.callbacks.confusion_matrix");

/**
 * After each validation epoch the counts as `epoch_NNN/confusion_matrix.csv`, every so many epochs and when training ends
 * `confusion_matrix.png`; of a multilabel model true and false positives and negatives of each class.
 */
export class ConfusionMatrixCallback extends EvaluationCallback {
  readonly options: z.infer<typeof confusionMatrixOptionsSchema>;
  /** Plots the last validation, whose turn it was not. */
  #unplotted: (() => void) | undefined;

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

  override onFitEnd(trainer: TrainerView, module: LightningModule): void | Promise<void> {
    this.#unplotted?.();
    this.#unplotted = undefined;
    return super.onFitEnd(trainer, module);
  }

  protected override evaluated(
    trainer: TrainerView,
    _module: LightningModule,
    predictions: EpochPredictions,
    split: EvaluationSplit,
  ): void {
    const { numClasses } = predictions;
    const name = classNamer(trainer);
    const given = this.options.classNames;
    if (given !== null && given.length !== numClasses)
      log.warnOnce(
        `callbacks.confusion_matrix.class_names has ${given.length} names, but the data has ${numClasses} classes: the names of the data are plotted. Remove the option.`,
      );
    const names = given?.length === numClasses ? given : Array.from({ length: numClasses }, (_, i) => name(i));
    const folder = evaluationFolder(this.options.outputDir, trainer, split);
    const made = countsAndPlot(predictions, names, `Confusion matrix, epoch ${trainer.currentEpoch + 1}`);
    made.writeCounts(join(folder, evaluationPaths.confusionCounts));
    const plot = () => this.plot(trainer, made.plot, join(folder, evaluationPaths.confusionMatrix), "confusion_matrix");
    const isDue = trainer.fn !== "fit" || (trainer.currentEpoch + 1) % this.options.everyNEpochs === 0;
    this.#unplotted = isDue ? undefined : plot;
    if (isDue) plot();
  }
}

function countsAndPlot(
  predictions: EpochPredictions,
  names: readonly string[],
  title: string,
): { readonly plot: Plot; readonly writeCounts: (path: string) => void } {
  if (predictions instanceof MultilabelPredictions) {
    const { reports } = predictions;
    const rows = reports.map(({ tp, fp, fn, tn }, i) => [names[i] ?? i, tp, fp, fn, tn]);
    return {
      plot: { kind: "labelConfusions", data: { reports, names, title, about: predictions.score.describe() } },
      writeCounts: (path) => writeFileAtomic(path, csvText(["class", "tp", "fp", "fn", "tn"], rows)),
    };
  }
  const cells = countConfusions(predictions.labels, predictions.predicted);
  return {
    plot: { kind: "confusionMatrix", data: { cells, names, title, about: predictions.score.describe() } },
    writeCounts: (path) => writeConfusionCounts(path, cells, names),
  };
}
