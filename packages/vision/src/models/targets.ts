import { optionsTarget, type TargetTable } from "@classifier-training/base";
import { z } from "zod";
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

/** `torchvision.models.<name>` for every model of the registry; with weights the result is a promise. */
export const modelTargets: TargetTable = Object.fromEntries(
  listModels().map((name) => {
    const schema = z.strictObject({ ...weightOptions, ...modelDefinition(name).options.shape });
    const create = (options: z.output<typeof schema>): ImageModel | Promise<ImageModel> => {
      const { weights, pretrained, progress, ...modelOptions } = options;
      const wanted = weights ?? pretrained === true;
      if (wanted === false) return createModel(name, modelOptions);
      return createPretrainedModel(name, modelOptions, wanted, { progress: progress === true });
    };
    return [`torchvision.models.${name}`, optionsTarget(schema, create)];
  }),
);
