import { statSync } from "node:fs";
import { extname } from "node:path";
import type { Classifier } from "./classifier.ts";
import { OnnxClassifier } from "./onnx-classifier.ts";

/**
 * Opens whatever a user calls a model: an ONNX file, a folder with one (a run, a bundle), or a checkpoint. LibTorch is
 * loaded for checkpoints only.
 */
export async function openClassifier(path: string): Promise<Classifier> {
  if (statSync(path).isDirectory() || extname(path) === ".onnx") return OnnxClassifier.load(path);
  const { CheckpointClassifier } = await import("./checkpoint-classifier.ts");
  return CheckpointClassifier.load(path);
}
