import { optionsTarget, type TargetTable } from "@classifier-training/base";
import { fashionMnistClasses, IdxDataset, idxOptionsSchema } from "./idx.ts";
import { ImageFolder, imageFolderOptionsSchema } from "./image-folder.ts";
import { JsonlDataset, jsonlOptionsSchema } from "./jsonl.ts";

/** The datasets under their dotted names in the Python stack. */
export const datasetTargets: TargetTable = {
  "torchvision.datasets.ImageFolder": optionsTarget(imageFolderOptionsSchema, (options) => new ImageFolder(options)),
  "torchvision.datasets.MNIST": optionsTarget(idxOptionsSchema, (options) => new IdxDataset(options)),
  "torchvision.datasets.FashionMNIST": optionsTarget(
    idxOptionsSchema,
    (options) => new IdxDataset({ classes: fashionMnistClasses, ...options }),
  ),
  "classifier_training.data.JSONLDataset": optionsTarget(jsonlOptionsSchema, (options) => new JsonlDataset(options)),
};
