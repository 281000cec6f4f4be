import { optionsTarget, parseOptions, type TargetTable, withForeignOptions } from "@classifier-training/base";
import { loadPretrained } from "@classifier-training/vision";
import { ClassificationModel, requireNumClasses } from "./classification-model.ts";
import {
  type ClassificationModelInput,
  type ClassificationModelOptions,
  classificationModelOptionsSchema,
  modelOptionAliases,
} from "./options.ts";
import { buildBackbone } from "./recipe.ts";

/** The original's model classes and the network each stands for. */
const backbones = {
  ResNet18ClassificationModel: "resnet18",
  ResNet34ClassificationModel: "resnet34",
  ResNet50ClassificationModel: "resnet50",
} as const;

/**
 * Makes a classifier on a network of the model zoo, with its published weights or those of a file if asked for.
 * @param backbone a name of `listModels()`
 * @throws CtError when the weights can neither be found nor downloaded: it names the file and the way without them
 */
export async function createClassificationModel(
  backbone: string,
  given: ClassificationModelInput,
): Promise<ClassificationModel> {
  return build(backbone, parseOptions("createClassificationModel", classificationModelOptionsSchema, given));
}

async function build(backbone: string, options: ClassificationModelOptions): Promise<ClassificationModel> {
  const weights = options.weights ?? options.pretrained;
  if (weights === false) {
    return new ClassificationModel(options, backbone, (numClasses) => buildBackbone(backbone, options, numClasses));
  }
  const network = buildBackbone(backbone, options, requireNumClasses(options));
  const { sha256 } = await loadPretrained(
    network,
    backbone,
    weights,
    options.weights === null ? {} : { scratch: "model.weights=null model.pretrained=false" },
  );
  const model = new ClassificationModel(options, backbone, () => network);
  model.initialWeights = sha256;
  return model;
}

export const modelTargets: TargetTable = Object.fromEntries(
  Object.entries(backbones).map(([name, backbone]) => [
    `classifier_training.models.resnet.${name}`,
    withForeignOptions(
      optionsTarget(classificationModelOptionsSchema, (options) => build(backbone, options)),
      {
        ...modelOptionAliases,
        compile: { accepts: (value) => value !== true, fix: "leave it out: there is no torch.compile here" },
      },
    ),
  ]),
);
