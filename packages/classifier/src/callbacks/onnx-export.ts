import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { getLogger, temporaryPath } from "@classifier-training/base";
import {
  Callback,
  copyWeights,
  disposeWeights,
  type LightningModule,
  loadCheckpoint,
  type TrainerView,
  withWeights,
} from "@classifier-training/lightning";
import { checkOnnx, exportOnnx } from "@classifier-training/onnx";
import { type DecisionRule, runPaths, writeLabelsMapping } from "@classifier-training/runs";
import { keep, noGrad, randn, scope, type Tensor } from "@classifier-training/torch";
import { z } from "zod";
import { type ClassificationDataModule, classificationData } from "../data/classification-datamodule.ts";
import { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import { defaultImageSize } from "../data/options.ts";
import { withDecision, withRefusal } from "../data/preprocessing.ts";
import { ClassificationModel, checkpointDecision } from "../model/classification-model.ts";
import type { SplitPredictions } from "../statistics/predictions.ts";
import { BestWeightsCallback } from "./best-weights.ts";
import type { Variant } from "./onnx-variants.ts";
import { bestCheckpoint } from "./weight-candidates.ts";

export const onnxExportOptionsSchema = z.strictObject({
  outputDir: z.string().default("onnx"),
  opsetVersion: z
    .int()
    .min(17, "opset 17 is the one that is written")
    .default(17)
    .describe("17 is written, which whatever reads a later one reads too"),
  inputHeight: z.int().positive().default(defaultImageSize),
  inputWidth: z.int().positive().default(defaultImageSize),
  variants: z
    .array(z.enum(["fp16", "int8"]))
    .default([])
    .describe("smaller forms, each measured on validation"),
  refuse: z
    .number()
    .min(0)
    .lt(1)
    .nullish()
    .describe("fraction of images, like those of validation, that predictions call unreadable: the least confident"),
});

const log = getLogger("classifier.callbacks.onnx_export");

/**
 * When training ends: exports the best checkpoint's weights (EMA's, where validation measured those; with
 * `BestWeightsCallback` the best of all) as `model.onnx`, with `labels_mapping.json` beside it, and compares ONNX Runtime's logits with LibTorch's before it calls the file done.
 */
export class ONNXExportCallback extends Callback {
  readonly options: z.infer<typeof onnxExportOptionsSchema>;

  constructor(options: z.infer<typeof onnxExportOptionsSchema>) {
    super();
    this.options = options;
  }

  /** Its files are those of the run. */
  override get rankZeroOnly(): boolean {
    return true;
  }

  /** After the checkpoint callbacks have settled which weights are best. */
  override get order(): "last" {
    return "last";
  }

  override async onFitEnd(trainer: TrainerView, module: LightningModule): Promise<void> {
    await trainer.flushCheckpoints();
    const { weights, source, decision } = await exportedWeights(trainer, module);
    const given = weights ?? copyWeights(module.stateDict());
    try {
      await withWeights(module, given, () => this.#export(trainer, module, source, decision));
    } finally {
      disposeWeights(given);
    }
  }

  async #export(trainer: TrainerView, module: LightningModule, source: string, decision: DecisionRule): Promise<void> {
    const { outputDir, refuse } = this.options;
    const { thresholds } = decision;
    const path = join(outputDir, runPaths.model);
    const unchecked = temporaryPath(path);
    const data = classificationData(trainer.datamodule);
    const [inputHeight, inputWidth] = this.#inputSize(data);
    const input = (await validationImages(data, inputHeight, inputWidth)) ?? randn([2, 3, inputHeight, inputWidth]);
    try {
      const { bytes } = exportOnnx(module, input, {
        path: unchecked,
        inputNames: ["input"],
        outputNames: ["logits"],
        metadata: {
          weights: source,
          ...(thresholds && { task: "multilabel", thresholds: JSON.stringify(thresholds) }),
        },
      });
      const { maxAbsDiff } = await checkOnnx(unchecked, input, module, { batchSizes: [1, input.shape[0] ?? 1] });
      renameSync(unchecked, path);
      log.detail(
        `exported ${path} (${(bytes.length / 2 ** 20).toFixed(1)} MB, weights of ${source}; logits differ from LibTorch's by at most ${maxAbsDiff.toExponential(1)})`,
      );
    } catch (error) {
      rmSync(unchecked, { force: true });
      throw error;
    } finally {
      input.dispose();
    }
    if (data === undefined) return;
    const labels = withDecision(data.labelsMapping(), decision);
    writeLabelsMapping(
      outputDir,
      refuse == null ? labels : withRefusal(labels, refuse, "callbacks.onnx_export.refuse"),
    );
    if (this.options.variants.length > 0) await this.#variants(path, data, decision);
  }

  /** The options', unless another size was chosen when training ended. */
  #inputSize(data: ClassificationDataModule | undefined): readonly [height: number, width: number] {
    const { inputHeight, inputWidth } = this.options;
    if (!(data instanceof ImageFolderDataModule) || data.evaluationSize === data.imageSize)
      return [inputHeight, inputWidth];
    return [data.evaluationSize, data.evaluationSize];
  }

  async #variants(path: string, data: ClassificationDataModule, decision: DecisionRule): Promise<void> {
    const { variants } = this.options;
    if (!(data instanceof ImageFolderDataModule)) {
      for (const variant of variants)
        log.warning(`the ${variant} variant is left out: ${data.constructor.name} has no image loaders`);
      return;
    }
    const { predictWith } = await import("./onnx-variants.ts");
    const original = await predictWith(path, data, decision);
    for (const variant of variants) await this.#variant(path, variant, data, original);
  }

  async #variant(
    path: string,
    variant: Variant,
    data: ImageFolderDataModule,
    original: SplitPredictions,
  ): Promise<void> {
    const { writeVariant } = await import("./onnx-variants.ts");
    log.info(`the ${variant} variant: converting and measuring ...`);
    const report = await writeVariant(path, variant, data, original);
    const { path: written, bytes, nonFinite, score, wholeScore, comparison } = report;
    if (nonFinite > 0) {
      log.warning(
        `the ${variant} variant is left out: its logits are not finite for ${nonFinite} of ${original.top1.n} validation images, the numbers of this network are beyond its range`,
      );
      return;
    }
    const verdict = comparison.distinguishable ? "a significant difference" : "no significant difference";
    log.info(
      `exported ${written} (${(bytes / 2 ** 20).toFixed(1)} MB): val ${score.describe()}; ${runPaths.model}: ${wholeScore.describe()}; ${verdict} (p = ${comparison.pValue.toPrecision(2)})`,
    );
  }
}

/** A few images of validation, as the network gets them: what parity is measured on. */
async function validationImages(
  data: ClassificationDataModule | undefined,
  height: number,
  width: number,
): Promise<Tensor | undefined> {
  if (!(data instanceof ImageFolderDataModule) || data.samples("val").length === 0) return undefined;
  const loader = data.imageLoader("val");
  try {
    for await (const batch of loader.batches({ epoch: 0 })) {
      const { images } = batch;
      const fits = images.shape[2] === height && images.shape[3] === width;
      const few = noGrad(() => scope(() => keep(images.narrow(0, 0, Math.min(8, images.shape[0] ?? 1)).clone())));
      batch[Symbol.dispose]();
      if (fits) return few;
      few.dispose();
      return undefined;
    }
  } finally {
    await loader.close();
  }
  return undefined;
}

/** The weights to export: those that were found best; without that callback, the best checkpoint's that validation measured. */
async function exportedWeights(
  trainer: TrainerView,
  module: LightningModule,
): Promise<{
  weights: Map<string, Tensor> | undefined;
  source: string;
  decision: DecisionRule;
}> {
  const chooser = trainer.callbacks.find((callback) => callback instanceof BestWeightsCallback);
  if (chooser !== undefined) {
    const { name, weights, source } = await chooser.choose(trainer, module);
    return { weights: copyWeights(weights), source: `${source} (${name})`, decision: chooser.decision };
  }
  const path = bestCheckpoint(trainer);
  if (path === undefined) {
    const { decision = {} } = module instanceof ClassificationModel ? module : {};
    return { weights: undefined, source: "the last step", decision };
  }
  const checkpoint = loadCheckpoint(path);
  const { stateDict, trainingStateDict } = checkpoint;
  for (const tensor of trainingStateDict?.values() ?? []) tensor.dispose();
  const source = `${path} (${trainingStateDict === undefined ? "raw" : "ema"})`;
  return { weights: stateDict, source, decision: checkpointDecision(checkpoint) };
}
