import { optionsTarget, type TargetTable } from "@classifier-training/base";
import { ImageFolder, imageFolderOptions } from "./image-folder.ts";
import { JsonlDataset, jsonlOptions } from "./jsonl.ts";

/** The datasets under their dotted names in the Python stack. */
export const datasetTargets: TargetTable = {
  "torchvision.datasets.ImageFolder": optionsTarget(imageFolderOptions, (options) => new ImageFolder(options)),
  "classifier_training.data.JSONLDataset": optionsTarget(jsonlOptions, (options) => new JsonlDataset(options)),
};
