import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "@classifier-training/base";
import { Tensor as OnnxTensor, openSession } from "@classifier-training/inference/runtime";
import { convertFloat16, quantizeStaticInt8 } from "@classifier-training/onnx";
import { modelVariantFile } from "@classifier-training/runs";
import type { Tensor } from "@classifier-training/torch";
import type { DataLoader } from "@classifier-training/vision";
import type { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import { type Proportion, proportion } from "../statistics/interval.ts";
import { comparePaired, type PairedComparison } from "../statistics/paired.ts";

/** Smaller forms of an exported model. */
export type Variant = "fp16" | "int8";

export interface VariantReport {
  readonly path: string;
  /** Validation samples whose logits are NaN or infinite in the variant: it is not kept then. */
  readonly nonFinite: number;
  readonly bytes: number;
  /** Of the variant, and of the whole model, on validation. */
  readonly top1: Proportion;
  readonly wholeTop1: Proportion;
  readonly comparison: PairedComparison;
}

/** Batches that are enough to measure the ranges of activations. */
const calibrationBatches = 8;

/**
 * Writes a smaller form of `model.onnx` beside it, and measures both on validation. The ranges of int8 are measured on
 * training pictures.
 */
export async function writeVariant(
  modelPath: string,
  variant: Variant,
  data: ImageFolderDataModule,
): Promise<VariantReport> {
  const whole = readFileSync(modelPath);
  const bytes = variant === "fp16" ? convertFloat16(whole) : await quantised(whole, data.trainDataloader());
  const path = join(modelPath, "..", modelVariantFile(variant));
  writeFileAtomic(path, bytes);
  const [variantOnes, wholeOnes] = [await correctOnes(path, data), await correctOnes(modelPath, data)];
  const [first, second] = [variantOnes.correct, wholeOnes.correct];
  if (variantOnes.nonFinite > 0) rmSync(path, { force: true });
  return {
    path,
    nonFinite: variantOnes.nonFinite,
    bytes: bytes.length,
    top1: share(first),
    wholeTop1: share(second),
    comparison: comparePaired(first, second),
  };
}

async function quantised(model: Uint8Array, calibration: DataLoader): Promise<Uint8Array> {
  try {
    return await quantizeStaticInt8(model, images(calibration, calibrationBatches));
  } finally {
    await calibration.close();
  }
}

function share(correct: readonly boolean[]): Proportion {
  return proportion(correct.filter(Boolean).length, correct.length);
}

async function* images(loader: DataLoader, count: number): AsyncGenerator<Tensor> {
  let left = count;
  for await (const batch of loader.batches({ epoch: 0 })) {
    yield batch.images;
    batch[Symbol.dispose]();
    if (--left === 0) return;
  }
}

/** Whether an exported model is right, for each sample of validation. */
async function correctOnes(
  path: string,
  data: ImageFolderDataModule,
): Promise<{ correct: boolean[]; nonFinite: number }> {
  const loader = data.valDataloader();
  const session = await openSession(path);
  const correct: boolean[] = [];
  let nonFinite = 0;
  for await (const batch of loader.batches({ epoch: 0 })) {
    const data = batch.images.contiguous().toTypedArray() as Float32Array;
    const labels = batch.labels.toTypedArray() as BigInt64Array;
    const outputs = await session.run({
      [session.inputNames[0] ?? "input"]: new OnnxTensor("float32", data, [...batch.images.shape]),
    });
    batch[Symbol.dispose]();
    const logits = outputs[session.outputNames[0] ?? "logits"]?.data as Float32Array;
    const classes = logits.length / labels.length;
    for (const [i, label] of labels.entries()) {
      const row = logits.subarray(i * classes, (i + 1) * classes);
      if (!row.every(Number.isFinite)) nonFinite++;
      correct.push(row.indexOf(Math.max(...row)) === Number(label));
    }
  }
  await Promise.all([session.release(), loader.close()]);
  return { correct, nonFinite };
}
