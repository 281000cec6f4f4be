import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "@classifier-training/base";
import { Tensor as OnnxTensor, openSession } from "@classifier-training/inference/runtime";
import { convertFloat16, quantizeStaticInt8 } from "@classifier-training/onnx";
import { compareErrors, type DecisionRule, type McNemarResult, modelVariantFile } from "@classifier-training/runs";
import { nn, noGrad } from "@classifier-training/torch";
import type { DataLoader } from "@classifier-training/vision";
import type { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import { predictSplit } from "../evaluation/predict-split.ts";
import { MultilabelPredictions } from "../statistics/multilabel-predictions.ts";
import { labelsOf, predictionsOfRows, type Score, type SplitPredictions } from "../statistics/predictions.ts";

/** Smaller forms of an exported model. */
export type Variant = "fp16" | "int8";

export interface VariantReport {
  readonly path: string;
  /** Validation samples whose logits are NaN or infinite in the variant: it is not kept then. */
  readonly nonFinite: number;
  readonly bytes: number;
  /** Of the variant, and of the whole model, on validation. */
  readonly score: Score;
  readonly wholeScore: Score;
  readonly comparison: McNemarResult;
}

/** Batches that are enough to measure the ranges of activations. */
const calibrationBatches = 8;

/**
 * Writes a smaller form of `model.onnx` beside it, and measures it on validation. The ranges of int8 are measured on
 * training images.
 * @param original the predictions of the model itself
 */
export async function writeVariant(
  modelPath: string,
  variant: Variant,
  data: ImageFolderDataModule,
  original: SplitPredictions,
): Promise<VariantReport> {
  const model = readFileSync(modelPath);
  const bytes = variant === "fp16" ? convertFloat16(model) : await quantized(model, data);
  const path = join(modelPath, "..", modelVariantFile(variant));
  writeFileAtomic(path, bytes);
  const decision = original instanceof MultilabelPredictions ? { thresholds: [...original.thresholds] } : {};
  const smaller = await predictWith(path, data, decision);
  // Of a smaller form, minus infinity is an overflow, too.
  const nonFinite = smaller.logits.filter((row) => !row.every(Number.isFinite)).length;
  if (nonFinite > 0) rmSync(path, { force: true });
  return {
    path,
    nonFinite,
    bytes: bytes.length,
    score: smaller.score,
    wholeScore: original.score,
    comparison: compareErrors(smaller.errors, original.errors),
  };
}

async function quantized(model: Uint8Array, data: ImageFolderDataModule): Promise<Uint8Array> {
  const calibration = data.imageLoader("train");
  try {
    return await quantizeStaticInt8(model, images(calibration, data));
  } finally {
    await calibration.close();
  }
}

/** Training images, in the size of the model's input where that is another. */
async function* images(loader: DataLoader, { imageSize, evaluationSize: side }: ImageFolderDataModule) {
  let left = calibrationBatches;
  for await (const batch of loader.batches({ epoch: 0 })) {
    if (side === imageSize) yield batch.images;
    else {
      const resized = noGrad(() => nn.functional.interpolate(batch.images, [side, side], { mode: "bilinear" }));
      yield resized;
      resized.dispose();
    }
    batch[Symbol.dispose]();
    if (--left === 0) return;
  }
}

/** The predictions of an exported model on validation. @param decision of the model */
export async function predictWith(
  path: string,
  data: ImageFolderDataModule,
  decision: DecisionRule,
): Promise<SplitPredictions> {
  const session = await openSession(path);
  try {
    return await predictSplit(
      data.imageLoader("val"),
      async ({ images, labels, indices }) => {
        const values = images.contiguous().toTypedArray() as Float32Array;
        const input = new OnnxTensor("float32", values, [...images.shape]);
        const outputs = await session.run({ [session.inputNames[0] ?? "input"]: input });
        const logits = outputs[session.outputNames[0] ?? "logits"]?.data as Float32Array;
        return predictionsOfRows(logits, labelsOf(labels), indices, logits.length / indices.length);
      },
      undefined,
      decision,
    );
  } finally {
    await session.release();
  }
}
