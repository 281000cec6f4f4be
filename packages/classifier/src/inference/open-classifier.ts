import { existsSync, statSync } from "node:fs";
import { extname } from "node:path";
import { CtError } from "@classifier-training/base";
import type { Classifier } from "./classifier.ts";
import { OnnxClassifier } from "./onnx-classifier.ts";

/**
 * Opens whatever a user calls a model: an ONNX file, a folder or zip archive with one (a run, a bundle), or a checkpoint. LibTorch is
 * loaded for checkpoints only.
 * @throws CtError `classifier/model` when there is nothing at the path
 */
export async function openClassifier(path: string): Promise<Classifier> {
  if (!existsSync(path)) {
    throw new CtError({
      code: "classifier/model",
      what: "there is no such model",
      where: path,
      fix: "give a run directory, a bundle, a checkpoint or an ONNX file",
    });
  }
  if (statSync(path).isDirectory() || [".onnx", ".zip"].includes(extname(path))) return OnnxClassifier.load(path);
  const { CheckpointClassifier } = await import("./checkpoint-classifier.ts");
  return CheckpointClassifier.load(path);
}
