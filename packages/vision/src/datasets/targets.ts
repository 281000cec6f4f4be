import { optionsTarget, type TargetTable } from "@classifier-training/base";
import { fashionMnistClasses, IdxDataset, idxOptions } from "./idx.ts";
import { ImageFolder, imageFolderOptions } from "./image-folder.ts";
import { JsonlDataset, jsonlOptions } from "./jsonl.ts";

/** The datasets under their dotted names in the Python stack. */
export const datasetTargets: TargetTable = {
  "torchvision.datasets.ImageFolder": optionsTarget(imageFolderOptions, (options) => new ImageFolder(options)),
  "torchvision.datasets.MNIST": optionsTarget(idxOptions, (options) => new IdxDataset(options)),
  "torchvision.datasets.FashionMNIST": optionsTarget(
    idxOptions,
    (options) => new IdxDataset({ classes: fashionMnistClasses, ...options }),
  ),
  "classifier_training.data.JSONLDataset": optionsTarget(jsonlOptions, (options) => new JsonlDataset(options)),
};
