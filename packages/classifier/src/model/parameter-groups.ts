import { CtError, camelCase, suggestion } from "@classifier-training/base";
import type { LightningModule } from "@classifier-training/lightning";
import { type nn, optim, type Tensor } from "@classifier-training/torch";
import { parameterGroups, parametersByStage } from "@classifier-training/vision";
import { type FrozenStages, hasStages, withStages } from "./freezing.ts";
import type { ClassificationModelOptions } from "./options.ts";

/** A module whose options say how it is optimized. */
export type Optimized = LightningModule & {
  readonly options: ClassificationModelOptions;
  /** The name of its network. */
  readonly network: string;
  readonly model: nn.Module;
  readonly frozen: FrozenStages | undefined;
};

interface Defaults {
  readonly lr: number;
  /** Undefined for an optimizer without weight decay. */
  readonly weightDecay: number | undefined;
}

/**
 * The trainable parameters as an optimizer takes them: all, or groups by `layer_decay` (BEiT's layer-wise rates), by
 * `param_groups`, and by `no_decay_on_norms`. Groups of the first two are named.
 * @throws CtError when the network has not what the options name
 */
export function groupedParameters(model: Optimized, { lr, weightDecay }: Defaults): Tensor[] | optim.ParamGroupInput[] {
  const { layerDecay, paramGroups, noDecayOnNorms } = model.options;
  const skipDecayOnVectors = noDecayOnNorms && weightDecay !== undefined;
  const decay = weightDecay === undefined ? {} : { weightDecay };
  const isNamed = Object.keys(paramGroups).length > 0;
  if (layerDecay !== null && isNamed) {
    throw new CtError({
      code: "classifier/parameter-groups",
      what: "model.layer_decay and model.param_groups both make the groups of parameters",
      where: "model.param_groups",
      fix: "leave out one of them",
    });
  }
  if (layerDecay !== null) {
    const network = withStages(model.model, model.network, "layer_decay");
    const groups = parameterGroups(network, { lr, layerDecay, ...decay, skipDecayOnVectors });
    const others = trained(model.parameters(), new Set(network.parameters()));
    return others.length === 0 ? groups : [...groups, { name: "loss", params: others, lr }];
  }
  if (isNamed) return namedGroups(model, skipDecayOnVectors);
  return skipDecayOnVectors ? optim.noDecayGroups(model, weightDecay) : trained(model.parameters());
}

function trained(parameters: Iterable<Tensor>, without: ReadonlySet<Tensor> = new Set()): Tensor[] {
  return [...parameters].filter((parameter) => parameter.requiresGrad && !without.has(parameter));
}

/** The parts that `param_groups` names, each with its options, and the rest. */
function namedGroups(model: Optimized, skipDecayOnVectors: boolean): optim.ParamGroupInput[] {
  const { paramGroups } = model.options;
  const owner = new Map<Tensor, string>();
  // A part of a part comes later, and is a group of its own.
  for (const name of Object.keys(paramGroups).sort((a, b) => a.length - b.length)) {
    for (const parameter of partOf(model, name)) owner.set(parameter, name);
  }
  const all = trained(model.parameters());
  const groups = [undefined, ...Object.keys(paramGroups)].flatMap((name): optim.ParamGroupInput[] => {
    const params = all.filter((parameter) => owner.get(parameter) === name);
    const given = name === undefined ? {} : (paramGroups[name] ?? {});
    const options = Object.fromEntries(Object.entries(given).map(([key, value]) => [camelCase(key), value]));
    const label = name ?? "rest";
    if (!skipDecayOnVectors || "weightDecay" in options) return [{ name: label, params, ...options }];
    return [
      { name: label, params: params.filter(({ ndim }) => ndim > 1), ...options },
      { name: `${label}.no_decay`, params: params.filter(({ ndim }) => ndim <= 1), ...options, weightDecay: 0 },
    ];
  });
  return groups.filter(({ params }) => [...params].length > 0);
}

/** The parameters of a stage, of the head, or of a module of the network. */
function partOf({ model: network, network: networkName }: Optimized, name: string): readonly Tensor[] {
  const stages = hasStages(network) ? parametersByStage(network) : [];
  const stage = stages.find((one) => one.name === name);
  if (stage !== undefined) return stage.parameters.map(([, parameter]) => parameter);
  const below = [...network.namedParameters()].filter(([path]) => path === name || path.startsWith(`${name}.`));
  if (below.length > 0) return below.map(([, parameter]) => parameter);
  const modules = [...network.namedModules()].map(([path]) => path).filter((path) => path !== "");
  throw new CtError({
    code: "classifier/parameter-groups",
    what: `model.param_groups: '${networkName}' has no part '${name}' with parameters`,
    where: `model.param_groups.${name}`,
    fix: suggestion(name, [...stages.map((one) => one.name), ...modules]),
  });
}
