import {
  CtError,
  type OptionsSchema,
  optionsTarget,
  parseOptions,
  type Target,
  type TargetTable,
  withForeignOptions,
} from "@classifier-training/base";
import { nn } from "@classifier-training/torch";
import { loadPretrained, modelDefinition } from "@classifier-training/vision";
import { z } from "zod";
import { ClassificationModel, requireNumClasses } from "./classification-model.ts";
import {
  type ClassificationModelInput,
  type ClassificationModelOptions,
  classificationModelOptionsSchema,
  modelOptionAliases,
} from "./options.ts";
import { buildBackbone } from "./recipe.ts";

/** The name that configurations have for a classifier on any network. */
export const classificationModelTarget = "classifier_training.models.ClassificationModel";

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

/** A network of the zoo by its name, or any other one. */
const anyNetworkSchema = z.strictObject({
  network: z.string().nullable().default(null).describe("a name of the model zoo"),
  net: z
    .custom<nn.Module>((value) => value instanceof nn.Module, "expected a network, a torch.nn.Module")
    .nullable()
    .default(null)
    .describe("a network in place of one of the zoo: [N, 3, H, W] to logits [N, num_classes]"),
  ...classificationModelOptionsSchema.shape,
});

function ofAnyNetwork({ network, net, ...options }: z.infer<typeof anyNetworkSchema>) {
  if (net !== null && network === null) return new ClassificationModel(options, net.constructor.name, () => net);
  if (net === null && network !== null) return build(modelDefinition(network).name, options);
  throw new CtError({
    code: "classifier/network",
    what: net === null ? "`model.network` is not set" : "the configuration has both `model.network` and `model.net`",
    where: "model.network",
    fix: net === null ? "choose one with model=NAME, such as model=resnet18" : "leave out one of them",
  });
}

const target = <Options>(schema: OptionsSchema<Options>, create: (options: Options) => unknown): Target =>
  withForeignOptions(optionsTarget(schema, create), {
    ...modelOptionAliases,
    compile: { accepts: (value) => value !== true, fix: "leave it out: there is no torch.compile here" },
  });

export const modelTargets: TargetTable = {
  [classificationModelTarget]: target(anyNetworkSchema, ofAnyNetwork),
  ...Object.fromEntries(
    Object.entries(backbones).map(([name, backbone]) => [
      `classifier_training.models.resnet.${name}`,
      target(classificationModelOptionsSchema, (options) => build(backbone, options)),
    ]),
  ),
};
