import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { convertFloat16, quantizeStaticInt8 } from "@classifier-training/onnx";
import type { Tensor } from "@classifier-training/torch";
import type { DataLoader } from "@classifier-training/vision";
import { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import { type Proportion, proportion } from "../statistics/interval.ts";

/** Smaller forms of an exported model. */
export type Variant = "fp16" | "int8";

export interface VariantReport {
  readonly path: string;
  readonly bytes: number;
  readonly accuracy: Proportion;
}

/** Batches that are enough to measure the ranges of activations. */
const calibrationBatches = 8;

/**
 * Writes a smaller form of `model.onnx` beside it, and measures it.
 * @param calibration typical batches (int8 measures ranges on them)
 * @param validation what accuracy is measured on
 */
export async function writeVariant(
  modelPath: string,
  variant: Variant,
  calibration: DataLoader,
  validation: DataLoader,
): Promise<VariantReport> {
  const whole = readFileSync(modelPath);
  const bytes =
    variant === "fp16"
      ? convertFloat16(whole)
      : await quantizeStaticInt8(whole, images(calibration, calibrationBatches));
  const path = join(modelPath, "..", `model_${variant}.onnx`);
  writeFileSync(path, bytes);
  return { path, bytes: bytes.length, accuracy: await accuracyOf(path, validation) };
}

async function* images(loader: DataLoader, count: number): AsyncGenerator<Tensor> {
  let left = count;
  for await (const batch of loader.batches({ epoch: 0 })) {
    yield batch.images;
    batch[Symbol.dispose]();
    if (--left === 0) return;
  }
}

/** Top-1 of an exported model on a loader's samples. */
export async function accuracyOf(path: string, loader: DataLoader): Promise<Proportion> {
  const session = await InferenceSession.create(path, { logSeverityLevel: 3 });
  let correct = 0;
  let n = 0;
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
      if (row.indexOf(Math.max(...row)) === Number(label)) correct++;
      n++;
    }
  }
  await session.release();
  return proportion(correct, n);
}
