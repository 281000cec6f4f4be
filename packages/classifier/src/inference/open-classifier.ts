import { existsSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { CtError } from "@classifier-training/base";
import type { Classifier } from "@classifier-training/inference";
import { OnnxClassifier } from "@classifier-training/inference";
import { readRun, runPaths } from "@classifier-training/runs";

/**
 * Opens a model: an ONNX file, a folder or zip archive with one (a run, a bundle), or a checkpoint. LibTorch is
 * loaded for checkpoints only.
 * @throws CtError `classifier/model` when there is nothing at the path
 */
export async function openClassifier(path: string): Promise<Classifier> {
  if (!existsSync(path)) {
    throw new CtError({
      code: "classifier/model",
      what: "the model does not exist",
      where: path,
      fix: "give a run directory, a bundle, a checkpoint or an ONNX file",
    });
  }
  const isFolder = statSync(path).isDirectory();
  const isRunOnly = isFolder && !existsSync(join(path, runPaths.model)) && readRun(path) !== undefined;
  if (!isRunOnly && (isFolder || [".onnx", ".zip"].includes(extname(path)))) return OnnxClassifier.load(path);
  const { CheckpointClassifier } = await import("./checkpoint-classifier.ts");
  if (!isRunOnly) return CheckpointClassifier.load(path);
  // A run that was stopped has no exported model yet.
  const { checkpointOfRun } = await import("../training/checkpoints.ts");
  return CheckpointClassifier.load(checkpointOfRun(path));
}
