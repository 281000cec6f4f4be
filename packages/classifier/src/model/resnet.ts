import { optionsTarget, type TargetTable } from "@classifier-training/base";
import { createModel, replaceHead } from "@classifier-training/vision";
import { ClassificationModel } from "./classification-model.ts";
import { type ClassificationModelInput, classificationModelOptions } from "./options.ts";

const backbones = ["resnet18", "resnet34", "resnet50"] as const;
export type Backbone = (typeof backbones)[number];
