import {
  CtError,
  getLogger,
  optionsTarget,
  suggestion,
  type Target,
  type TargetTable,
  withForeignOptions,
} from "@classifier-training/base";
import { z } from "zod";
import type { ImageModel } from "./image-model.ts";
import { createPretrainedModel } from "./pretrained.ts";
import { createModel, listModels, modelDefinition } from "./registry.ts";

const log = getLogger("vision.models");

const weightOptions = {
  weights: z
    .union([z.string(), z.boolean()])
    .nullish()
    .describe("DEFAULT, IMAGENET1K_V1, a file, a URL, timm/NAME or hf://OWNER/NAME"),
  pretrained: z.boolean().nullish().describe("torchvision's old spelling of weights=DEFAULT"),
  progress: z.boolean().default(true),
};

/** `torchvision.models.<name>` for every model of the registry; with weights the result is a promise. */
const byFunction: TargetTable = Object.fromEntries(
  listModels().map((name) => {
    const schema = z.strictObject({ ...weightOptions, ...modelDefinition(name).options.shape });
    const create = (options: z.output<typeof schema>): ImageModel | Promise<ImageModel> => {
      const { weights, pretrained, progress, ...modelOptions } = options;
      const wanted = weights ?? pretrained === true;
      if (wanted === false) return createModel(name, modelOptions);
      // `ResNet18_Weights.DEFAULT` is torchvision's own way to write it in full.
      const source = typeof wanted === "string" ? wanted.replace(/^\w+_Weights\./, "") : wanted;
      return createPretrainedModel(name, modelOptions, source, { progress: progress === true });
    };
    return [`torchvision.models.${name}`, optionsTarget(schema, create)];
  }),
);

/** timm's names of models that are here under torchvision's. */
const timmNames: Readonly<Record<string, string>> = {
  mobilenetv3_small_100: "mobilenet_v3_small",
  mobilenetv3_large_100: "mobilenet_v3_large",
  vit_base_patch16_224: "vit_b_16",
};

const isZero = (value: unknown) => value === 0 || value === null;

/** `timm.create_model`: a tagged name (`resnet18.a1_in1k`) takes timm's weights, another one torchvision's. */
const timmCreateModel = withForeignOptions(
  optionsTarget(
    z.strictObject({
      modelName: z.string(),
      pretrained: z.boolean().default(false),
      checkpointPath: z.string().nullish(),
      numClasses: z.int().min(1).optional(),
    }),
    ({ modelName, pretrained, checkpointPath, numClasses }) => {
      const [bare = ""] = modelName.replace(/^(hf[-_]hub:)?timm\//, "").split(".");
      const name = timmNames[bare] ?? bare;
      if (!listModels().includes(name)) {
        const known = [...listModels(), ...Object.keys(timmNames)];
        throw new CtError({
          code: "models/unknown",
          what: `timm's model '${modelName}' is not built in`,
          fix: suggestion(bare, known),
        });
      }
      const options = { ...(numClasses !== undefined && { numClasses }) };
      if (checkpointPath) return createPretrainedModel(name, options, checkpointPath, {});
      if (!pretrained) return createModel(name, options);
      if (modelName.includes("."))
        return createPretrainedModel(name, options, `timm/${modelName.replace(/^.*\//, "")}`, {});
      log.info(`timm.create_model('${modelName}'): the weights are torchvision's; name them with their tag for timm's`);
      return createPretrainedModel(name, options, true, {});
    },
  ),
  {
    in_chans: { accepts: (value) => value === 3, fix: "leave it out: models take 3 channels" },
    drop_rate: { accepts: isZero, fix: "use torchvision.models.NAME, whose options say which dropout it has" },
    drop_path_rate: { accepts: isZero, fix: "use torchvision.models.NAME, whose options say which dropout it has" },
    global_pool: { accepts: (value) => value === "avg" || value === "", fix: "leave it out: features are averaged" },
    features_only: { accepts: (value) => value === false, fix: "leave it out" },
    exportable: {},
    scriptable: {},
    no_jit: {},
    cache_dir: {},
  },
);

/** `torchvision.models.get_model("resnet18", weights=...)`. */
const getModel: Target = {
  invoke(args, kwargs) {
    const { name = args[0], ...options } = kwargs;
    if (typeof name !== "string") {
      throw new CtError({
        code: "target/options",
        what: `name: expected the name of a network, received ${name === undefined ? "nothing" : JSON.stringify(name)}`,
        fix: "write it as name: resnet18",
      });
    }
    const target = byFunction[`torchvision.models.${modelDefinition(name).name}`];
    return target?.invoke([], options);
  },
};

export const modelTargets: TargetTable = {
  ...byFunction,
  "torchvision.models.get_model": getModel,
  "timm.create_model": timmCreateModel,
};
