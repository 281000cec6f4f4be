import { CtError, type ForeignOption, foreignOptionAdvice, suggestion } from "@classifier-training/base";
import { listModels, modelDefinition } from "./registry.ts";

/** A network as a configuration describes it in the spelling of torchvision or timm. */
export interface DescribedNetwork {
  /** Its name in the registry. */
  readonly network: string;
  /** `true` for the default of the published ones, their name, or any source; false for none. */
  readonly weights: true | string | false;
  /** The network's own options, as YAML writes them and under the registry's names. */
  readonly options: Readonly<Record<string, unknown>>;
}

const isDefault = (...values: readonly unknown[]): ForeignOption => ({
  accepts: (value) => value === null || values.includes(value),
  fix: "leave it out",
});

/** Options of `timm.create_model` that change nothing with these values. */
export const timmForeignOptions: Readonly<Record<string, ForeignOption>> = {
  in_chans: { accepts: (value) => value === 3, fix: "leave it out: models take 3 channels" },
  global_pool: {
    accepts: (value) => ["avg", "token", "", null].includes(value as string),
    fix: "leave it out: convolutional networks average their features, Vision Transformers take the class token's",
  },
  features_only: isDefault(false),
  exportable: {},
  scriptable: {},
  no_jit: {},
  cache_dir: {},
};

/** Other names of options, as timm and torchvision have them. */
export const networkOptionAliases = {
  drop_rate: { means: "dropout" },
  drop_path_rate: { means: "stochastic_depth" },
  stochastic_depth_prob: { means: "stochastic_depth" },
  attn_drop_rate: { means: "attention_dropout" },
  img_size: { means: "image_size" },
} as const;

/** torchvision's dropout of these is within their blocks, timm's before the head. */
const dropoutInBlocks: readonly string[] = ["densenet121", "swin_t", "vit_b_16"];

/**
 * What a `_target_` of a network and its arguments mean: `torchvision.models.NAME` (also by its module), `get_model`,
 * `timm.create_model`, `timm.models.NAME`.
 * @param given as YAML writes it @returns undefined for any other target
 * @throws CtError for a name that is not in the registry, and for arguments that cannot be had
 */
export function describeNetwork(
  target: string,
  given: Readonly<Record<string, unknown>>,
): DescribedNetwork | undefined {
  if (/^timm\.(models\.|models\._?factory\.)?create_model$/.test(target)) return ofTimm(given);
  if (target === "torchvision.models.get_model") {
    const { name, ...options } = given;
    return ofTorchvision(modelDefinition(requiredName("name", name, "resnet18")).name, options);
  }
  const [, library, name = ""] = /^(torchvision|timm)\.models\.(?:\w+\.)?(\w+)$/.exec(target) ?? [];
  if (!listModels().includes(name) || modelDefinition(name).library !== library) return undefined;
  return library === "timm" ? ofTimm({ ...given, model_name: name }) : ofTorchvision(name, given);
}

function ofTorchvision(network: string, given: Readonly<Record<string, unknown>>): DescribedNetwork {
  const { weights, pretrained, progress: _progress, ...options } = given;
  return { network, weights: ((weights ?? pretrained) as string | boolean | null) ?? false, options: renamed(options) };
}

/** A tagged name (`resnet18.a1_in1k`) has that repository's weights, another one the registry's. */
function ofTimm(given: Readonly<Record<string, unknown>>): DescribedNetwork {
  const { model_name, pretrained, checkpoint_path, ...rest } = given;
  const name = requiredName("model_name", model_name, "resnet18.a1_in1k").replace(/^(hf[-_]hub:)?timm\//, "");
  const network = networkOfTimm(name);
  const options: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(rest)) {
    const option = timmForeignOptions[key];
    const advice = option && foreignOptionAdvice(key, option, value);
    if (advice !== undefined) throw new CtError({ code: "target/options", ...advice });
    if (option === undefined && value !== null) options[key] = value;
  }
  if (Number(options["drop_rate"] ?? 0) > 0 && dropoutInBlocks.includes(network)) {
    throw new CtError({
      code: "target/options",
      what: `option 'drop_rate' of ${name} is dropout before the head, which ${network} does not have here`,
      fix: "use drop_path_rate, or dropout, which torchvision's network has in its blocks",
    });
  }
  const published = pretrained === true && (name.includes(".") ? `timm/${name}` : true);
  return { network, weights: (checkpoint_path as string | null) || published, options: renamed(options) };
}

/** @throws CtError for a name of timm that is not built in, naming the nearest */
function networkOfTimm(name: string): string {
  const [bare = ""] = name.split(".");
  const known = listModels();
  const found =
    known.find((model) => modelDefinition(model).timmName === bare) ?? known.find((model) => model === bare);
  if (found !== undefined) return found;
  const names = known.map((model) => modelDefinition(model).timmName ?? model);
  throw new CtError({
    code: "models/unknown",
    what: `timm's model '${name}' is not built in`,
    fix: suggestion(bare, names),
  });
}

function renamed(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const aliases: Readonly<Record<string, { readonly means: string }>> = networkOptionAliases;
  return Object.fromEntries(Object.entries(options).map(([key, value]) => [aliases[key]?.means ?? key, value]));
}

function requiredName(option: string, value: unknown, example: string): string {
  if (typeof value === "string") return value;
  throw new CtError({
    code: "target/options",
    what: `${option}: expected the name of a network, received ${value === undefined ? "nothing" : JSON.stringify(value)}`,
    fix: `write it as ${option}: ${example}`,
  });
}
