import { camelCase, optionsTarget, type Target, type TargetTable, withForeignOptions } from "@classifier-training/base";
import { z } from "zod";
import { describeNetwork, networkOptionAliases, timmForeignOptions } from "./described-network.ts";
import type { ImageModel } from "./image-model.ts";
import { createPretrainedModel } from "./pretrained.ts";
import { createModel, listModels, modelDefinition } from "./registry.ts";

const weightOptions = {
  weights: z
    .union([z.string(), z.boolean()])
    .nullish()
    .describe("DEFAULT, IMAGENET1K_V1, a file, a URL, timm/NAME or hf://OWNER/NAME"),
  pretrained: z.boolean().nullish().describe("torchvision's old spelling of weights=DEFAULT"),
  progress: z.boolean().default(true),
};

/** The name that a configuration has for the function that makes a model of the registry. */
function functionName(name: string): string {
  return `${modelDefinition(name).library}.models.${name}`;
}

/** `torchvision.models.<name>`, or timm's, for every model of the registry; with weights the result is a promise. */
const byFunction: TargetTable = Object.fromEntries(
  listModels().map((name) => {
    const schema = z.strictObject({ ...weightOptions, ...modelDefinition(name).options.shape });
    const create = (options: z.output<typeof schema>): ImageModel | Promise<ImageModel> => {
      const { weights, pretrained, progress, ...modelOptions } = options;
      const wanted = weights ?? pretrained === true;
      if (wanted === false) return createModel(name, modelOptions);
      return createPretrainedModel(name, modelOptions, wanted as string | true, { progress: progress === true });
    };
    const own = Object.keys(schema.shape);
    const aliases = Object.entries(networkOptionAliases).filter(([, { means }]) => own.includes(camelCase(means)));
    return [functionName(name), withForeignOptions(optionsTarget(schema, create), Object.fromEntries(aliases))];
  }),
);

/** Builds a network as `describeNetwork` understands the arguments of `target`. */
function described(target: string, first: string, optionNames: readonly string[]): Target {
  return {
    optionNames: [first, ...optionNames],
    invoke(args, kwargs) {
      const { network, weights, options } = describeNetwork(target, {
        ...(args.length > 0 && { [first]: args[0] }),
        ...kwargs,
      }) as NonNullable<ReturnType<typeof describeNetwork>>;
      const build = byFunction[functionName(network)] as Target;
      return build.invoke([], { ...options, ...(weights !== false && { weights }) });
    },
  };
}

const common = ["pretrained", "num_classes", "dropout", "stochastic_depth", "attention_dropout", "image_size"];
const getModel = described("torchvision.models.get_model", "name", ["weights", ...common]);
const timmCreateModel = described("timm.create_model", "model_name", ["checkpoint_path", ...common]);

export const modelTargets: TargetTable = {
  ...byFunction,
  "torchvision.models.get_model": { ...getModel, foreignOptions: networkOptionAliases },
  "timm.create_model": { ...timmCreateModel, foreignOptions: { ...networkOptionAliases, ...timmForeignOptions } },
};
