import { existsSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { CtError } from "@classifier-training/base";
import type { Classifier } from "@classifier-training/inference";
import { OnnxClassifier } from "@classifier-training/inference";
import { checkpointExtension, readRun, runPaths } from "@classifier-training/runs";
import type { CheckpointClassifier } from "./checkpoint-classifier.ts";

/**
 * Opens a model: an ONNX file, a folder or zip archive with one (a run, a bundle), or a checkpoint. LibTorch is
 * loaded for checkpoints only.
 * @throws CtError `classifier/model` when there is nothing at the path
 */
export async function openClassifier(path: string): Promise<Classifier> {
  requireExisting(path);
  const isFolder = statSync(path).isDirectory();
  const isRunOnly = isFolder && !existsSync(join(path, runPaths.model)) && readRun(path) !== undefined;
  if (!isRunOnly && (isFolder || [".onnx", ".zip"].includes(extname(path)))) return OnnxClassifier.load(path);
  return openCheckpointClassifier(path);
}

/**
 * Opens the checkpoint of a model, or the best one of a run.
 * @throws CtError where there is none
 */
export async function openCheckpointClassifier(path: string): Promise<CheckpointClassifier> {
  const checkpoint = await checkpointOf(path);
  const { CheckpointClassifier } = await import("./checkpoint-classifier.ts");
  return CheckpointClassifier.load(checkpoint);
}

/** The checkpoint that a path names, or the best one of a run. @throws CtError where there is none */
export async function checkpointOf(path: string): Promise<string> {
  requireExisting(path);
  if ([".onnx", ".zip"].includes(extname(path))) {
    throw new CtError({
      code: "classifier/checkpoint",
      what: "expected a run directory or a checkpoint, received an exported model",
      where: path,
      fix: `give the run directory that it is of, or a checkpoint (${checkpointExtension})`,
    });
  }
  if (!statSync(path).isDirectory()) return path;
  // A run that was stopped has no exported model yet.
  const { checkpointOfRun } = await import("../training/checkpoints.ts");
  return checkpointOfRun(path);
}

/** @throws CtError `classifier/model` when there is nothing at the path */
function requireExisting(path: string): void {
  if (existsSync(path)) return;
  throw new CtError({
    code: "classifier/model",
    what: "the model does not exist",
    where: path,
    fix: "give a run directory, a bundle, a checkpoint or an ONNX file",
  });
}
