import { basename } from "node:path";
import {
  CtError,
  getLogger,
  type OptionsSchema,
  optionsTarget,
  parseOptions,
  type Target,
  type TargetTable,
  withForeignOptions,
} from "@classifier-training/base";
import { unfoldBatchNorms } from "@classifier-training/onnx";
import { nn } from "@classifier-training/torch";
import { loadPretrained, modelDefinition } from "@classifier-training/vision";
import { z } from "zod";
import { ClassificationModel, requireNumClasses } from "./classification-model.ts";
import { FileNetwork } from "./file/file-network.ts";
import { buildFileNetwork, openGraph, preprocessingOf } from "./file/open.ts";
import { preprocessingOptionSchema } from "./file/preprocessing.ts";
import { knownNetwork, readModelFile } from "./file/read.ts";
import {
  type ClassificationModelInput,
  type ClassificationModelOptions,
  classificationModelOptionsSchema,
  modelOptionAliases,
} from "./options.ts";
import { buildBackbone, refuseForeignOptions } from "./recipe.ts";

const log = getLogger("classifier.model");

/** The name that configurations have for a classifier on any network. */
export const classificationModelTarget = "classifier_training.models.ClassificationModel";

/** A classifier on the network of a model file. */
export const fileModelTarget = "classifier_training.models.FileClassificationModel";

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
  if (net instanceof FileNetwork && network === null) {
    const model = new ClassificationModel(options, basename(net.origin.source), () => net);
    model.initialWeights = net.origin.sha256;
    return model;
  }
  if (net !== null && network === null) return new ClassificationModel(options, net.constructor.name, () => net);
  if (net === null && network !== null) return build(modelDefinition(network).name, options);
  throw new CtError({
    code: "classifier/network",
    what: net === null ? "`model.network` is not set" : "the configuration has both `model.network` and `model.net`",
    where: "model.network",
    fix: net === null ? "choose one with model=NAME, such as model=resnet18" : "leave out one of them",
  });
}

/** A model file in place of a network of the zoo. */
const fileModelSchema = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe(
      "a model file (.onnx, .tflite, model.json, .safetensors, .pth), npm:PACKAGE/FILE, a URL or hf://OWNER/NAME/FILE",
    ),
  head: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe("the node that the new head replaces; null: the last layer"),
  preprocessing: preprocessingOptionSchema
    .nullable()
    .default(null)
    .describe(
      "how its images are normalized: a name such as imagenet, or mean and std of values in 0..1; null: as the file says",
    ),
  unfoldBatchNorm: z
    .boolean()
    .default(false)
    .describe("a batch norm behind each convolution again, where the exporter folded it in"),
  ...classificationModelOptionsSchema.shape,
});

/**
 * Makes a classifier on the network of a model file, with a new head.
 * @throws CtError for a file that is not a model, or whose network cannot be trained
 */
export async function createFileModel(given: z.input<typeof fileModelSchema>): Promise<ClassificationModel> {
  return ofFile(parseOptions("createFileModel", fileModelSchema, given));
}

async function ofFile({ path, head, preprocessing, unfoldBatchNorm, ...options }: z.infer<typeof fileModelSchema>) {
  if (options.weights !== null) {
    throw new CtError({
      code: "classifier/network",
      what: "the configuration has both `model.path` and `model.weights`",
      where: "model.weights",
      fix: "leave out one of them: a file of weights of a network of the zoo can be the model's path, too",
    });
  }
  const file = await readModelFile(path);
  if (file.kind === "weights") {
    const weights = options.pretrained === false ? null : file.path;
    const model = await build(knownNetwork(file), { ...options, weights });
    model.preprocessing = preprocessingOf(file, preprocessing);
    return model;
  }
  const folded = openGraph(file, { head, preprocessing });
  const opened = unfoldBatchNorm ? { ...folded, body: unfoldBatchNorms(folded.body) } : folded;
  if (unfoldBatchNorm && opened.body === folded.body)
    log.warning("model.unfold_batch_norm: no convolution of the file has a batch norm folded in");
  refuseForeignOptions(basename(path), options, ["dropout"]);
  const { dropout, pretrained } = options;
  const network = buildFileNetwork(opened, {
    numClasses: requireNumClasses(options),
    dropout: dropout ?? 0,
    pretrained: pretrained !== false,
  });
  const model = new ClassificationModel(options, basename(path), () => network);
  model.initialWeights = file.sha256;
  model.preprocessing = opened.preprocessing;
  model.hasUnfoldedNorms = opened.body !== folded.body;
  return model;
}

const target = <Options>(schema: OptionsSchema<Options>, create: (options: Options) => unknown): Target =>
  withForeignOptions(optionsTarget(schema, create), {
    ...modelOptionAliases,
    compile: { accepts: (value) => value !== true, fix: "leave it out: there is no torch.compile here" },
  });

export const modelTargets: TargetTable = {
  [classificationModelTarget]: target(anyNetworkSchema, ofAnyNetwork),
  [fileModelTarget]: target(fileModelSchema, ofFile),
  ...Object.fromEntries(
    Object.entries(backbones).map(([name, backbone]) => [
      `classifier_training.models.resnet.${name}`,
      target(classificationModelOptionsSchema, (options) => build(backbone, options)),
    ]),
  ),
};
