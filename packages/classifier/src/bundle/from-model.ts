import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CtError, getLogger } from "@classifier-training/base";
import { readLabelledPictures } from "../data/labelled-pictures.ts";
import { evaluateClassifier } from "../evaluation/evaluate.ts";
import { OnnxClassifier } from "../inference/onnx-classifier.ts";
import { createBundle } from "./create.ts";
import type { BundleManifest } from "./manifest.ts";

export interface ExportRequest {
  /** A run directory, an exported folder, or a checkpoint. */
  readonly model: string;
  /** The folder of the bundle. */
  readonly out: string;
  /** The data set to measure on and to take the golden pictures from. */
  readonly dataRoot: string;
  readonly split: string;
  /** How many golden pictures. */
  readonly golden: number;
  readonly onProgress?: (done: number, total: number) => void;
}

const log = getLogger("classifier.export");

/** Makes a bundle of a trained model, measured on a split. @throws CtError when there is no model, or no data */
export async function exportBundle({
  model,
  out,
  dataRoot,
  split,
  golden,
  onProgress,
}: ExportRequest): Promise<BundleManifest> {
  const scratch = mkdtempSync(join(tmpdir(), "classifier-export-"));
  try {
    const exported = await exportedModel(model, scratch);
    const pictures = readLabelledPictures(dataRoot, split);
    const classifier = await OnnxClassifier.load(exported.folder);
    const { top1 } = await evaluateClassifier(exported.modelPath, classifier, pictures, {
      timed: 0,
      ...(onProgress && { onProgress }),
    });
    await classifier.close();
    const step = Math.max(1, Math.floor(pictures.length / Math.max(1, golden)));
    return await createBundle(out, {
      modelPath: exported.modelPath,
      labelsPath: join(exported.folder, "labels_mapping.json"),
      golden: pictures.filter((_, i) => i % step === 0).slice(0, golden),
      accuracy: { split, correct: top1.successes, n: top1.n },
      source: { weights: model },
      ...(exported.parity !== undefined && { parity: exported.parity }),
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface ExportedModel {
  readonly folder: string;
  readonly modelPath: string;
  readonly parity?: number;
}

async function exportedModel(path: string, scratch: string): Promise<ExportedModel> {
  if (!existsSync(path)) {
    throw new CtError({
      code: "export/model",
      what: "there is no such model",
      where: path,
      fix: "give a run directory or a checkpoint",
    });
  }
  if (statSync(path).isDirectory()) {
    const modelPath = join(path, "model.onnx");
    if (existsSync(modelPath)) return { folder: path, modelPath };
    const checkpoint = checkpointOfRun(path);
    if (checkpoint !== undefined) return exportedModel(checkpoint, scratch);
    throw new CtError({
      code: "export/model",
      what: "the folder has neither an exported model nor a checkpoint",
      where: path,
      fix: "give a run directory or a checkpoint",
    });
  }
  const { exportCheckpoint } = await import("./export-checkpoint.ts");
  const parity = await exportCheckpoint(path, scratch);
  log.info(`exported ${path}; ONNX Runtime differs by at most ${parity.toExponential(1)}`);
  return { folder: scratch, modelPath: join(scratch, "model.onnx"), parity };
}

function checkpointOfRun(dir: string): string | undefined {
  try {
    const { checkpointPath } = JSON.parse(readFileSync(join(dir, "run.json"), "utf8")) as { checkpointPath?: string };
    const path = checkpointPath === undefined ? undefined : join(dir, checkpointPath);
    return path !== undefined && existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Writes a bundle's folder as one zip archive beside it. @returns its path */
export async function zipBundle(folder: string): Promise<string> {
  const { zipSync } = await import("fflate");
  const { filesOf } = await import("./create.ts");
  const entries = [...filesOf(folder), "bundle.json"].map((path) => [
    path,
    new Uint8Array(readFileSync(join(folder, path))),
  ]);
  const path = `${folder.replace(/\/+$/, "")}.zip`;
  // Weights and pictures do not compress.
  writeFileSync(path, zipSync(Object.fromEntries(entries), { level: 0 }));
  return path;
}
