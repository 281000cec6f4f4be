import { CtError } from "@classifier-training/base";
import { createDict, DictConfig, get, lookUpTarget, select, toContainer } from "@classifier-training/hydra";
import { describeNetwork } from "@classifier-training/vision";
import { classificationModelTarget } from "../model/build.ts";

type Options = Readonly<Record<string, unknown>>;

/**
 * A model whose `_target_` is a network of torchvision or timm, or that has such a one as its `net`, as the classification
 * model on the same network of the zoo: its checkpoints then open without the configuration. Others stay as they are.
 * @param model the mapping of the model
 */
export async function asClassificationModel(model: DictConfig): Promise<DictConfig> {
  const net = select(model, "net");
  const network = net instanceof DictConfig ? net : model;
  const target = get(network, "_target_", null);
  if (typeof target !== "string") return model;
  const { _target_, _partial_, ...given } = plain(network);
  const described = describeNetwork(target, given);
  if (described === undefined) return model;
  const { net: _net, ...own } = network === model ? { _target_: classificationModelTarget } : plain(model);
  await refusePythonModule(own, target);
  const { network: name, weights, options } = described;
  return createDict({ ...own, ...options, network: name, pretrained: weights });
}

function plain(config: DictConfig): Record<string, unknown> {
  return toContainer(config, { resolve: true }) as Record<string, unknown>;
}

/** A module of Python around a network that is here. */
async function refusePythonModule({ _target_: name }: Options, network: string): Promise<void> {
  if (typeof name !== "string" || name.includes("#") || (await lookUpTarget(name)) !== undefined) return;
  throw new CtError({
    code: "classifier/config",
    what: `model._target_: there is no target '${name}': Python code does not run here`,
    where: "model._target_",
    fix: `model._target_=${classificationModelTarget} trains ${network} with the same optimizer and scheduler`,
  });
}
