import { createModel } from "@classifier-training/vision";
import type { LabelsMapping } from "../inference/labels-mapping.ts";
import { ClassificationModel } from "./classification-model.ts";
import type { ClassificationModelOptions } from "./options.ts";

/** What a checkpoint carries so that its network can be built again, and pictures prepared for it, without any config. */
export interface ModelRecipe {
  readonly backbone: string;
  readonly options: ClassificationModelOptions;
  readonly labels: LabelsMapping;
}

/** The classifier of a recipe, with fresh weights. */
export function modelOfCheckpoint({ backbone, options }: ModelRecipe): ClassificationModel {
  return new ClassificationModel(options, backbone, (numClasses) => buildBackbone(backbone, options, numClasses));
}

export function buildBackbone(backbone: string, { stem }: ClassificationModelOptions, numClasses: number) {
  return createModel(backbone, { numClasses, ...(stem === "small" ? { stem } : {}) });
}
