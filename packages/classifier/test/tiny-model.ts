import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { CheckpointIO } from "@classifier-training/lightning";
import type { LabelsMapping } from "@classifier-training/runs";
import sharp from "sharp";
import { validationPipeline } from "../../image/test/recipes.ts";
import { createBundle } from "../src/bundle/create.ts";
import { exportCheckpoint } from "../src/bundle/export-checkpoint.ts";
import { labelsMappingOf } from "../src/data/preprocessing.ts";
import { ClassificationModel } from "../src/model/classification-model.ts";
import { classificationModelOptionsSchema } from "../src/model/options.ts";
import { buildBackbone } from "../src/model/recipe.ts";

export interface TinyModel {
  readonly checkpoint: string;
  /** `model.onnx` and `labels_mapping.json`. */
  readonly exported: string;
  readonly bundle: string;
  readonly image: string;
}

export const tinyLabels = (names = ["a", "b"]): LabelsMapping =>
  labelsMappingOf(names, validationPipeline({ imageSize: 16 }), 16);

/** A checkpoint of an untrained network, as the trainer writes it. @param classifier changes what it says of itself */
export async function writeTinyCheckpoint(path: string, classifier: Record<string, unknown> = {}): Promise<void> {
  const options = classificationModelOptionsSchema.parse({ numClasses: 2, pretrained: false, stem: "small", width: 8 });
  const model = new ClassificationModel(options, "resnet18", (classes) => buildBackbone("resnet18", options, classes));
  const io = new CheckpointIO({ asynchronous: false });
  await io.save({
    path,
    checkpoint: {
      epoch: 0,
      globalStep: 0,
      runId: "tiny",
      stateDict: model.stateDict(),
      classifier: { backbone: "resnet18", options, labels: tinyLabels(), ...classifier },
    },
    summary: {
      created: new Date(0).toISOString(),
      epoch: 0,
      globalStep: 0,
      runId: "tiny",
      model: "ClassificationModel",
      weightsOnly: true,
      metrics: {},
    },
    replaces: [],
  });
  await io.close();
}

/** An untrained classifier of `a` and `b` in every form that it is handed on in. */
export async function writeTinyModel(dir: string): Promise<TinyModel> {
  const files: TinyModel = {
    checkpoint: join(dir, "tiny.ckpt"),
    exported: join(dir, "exported"),
    bundle: join(dir, "bundle"),
    image: join(dir, "image.png"),
  };
  mkdirSync(files.exported, { recursive: true });
  await sharp({ create: { width: 20, height: 20, channels: 3, background: "#d02010" } })
    .png()
    .toFile(files.image);
  await writeTinyCheckpoint(files.checkpoint);
  await exportCheckpoint(files.checkpoint, files.exported);
  await createBundle(files.bundle, {
    modelPath: join(files.exported, "model.onnx"),
    labelsPath: join(files.exported, "labels_mapping.json"),
    golden: [{ path: files.image, label: "a" }],
  });
  return files;
}
