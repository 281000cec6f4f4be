import { isSecretKey, maskArgument, maskText, secretMask } from "@classifier-training/base";
import { HydraConfig, withoutHydraCopy } from "../compose/runtime.ts";
import { HydraError } from "../errors.ts";
import { DictConfig, isConfig, type ListConfig } from "../omegaconf/containers.ts";
import { InterpolationToMissingValueError } from "../omegaconf/errors.ts";
import { readWrite } from "../omegaconf/flags.ts";
import { type Node, ValueNode } from "../omegaconf/node.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { dereference } from "../omegaconf/resolve.ts";
import { select, selectNode, selectRaw } from "../omegaconf/select.ts";
import { toRaw } from "../omegaconf/to-container.ts";
import { toYaml } from "../omegaconf/to-yaml.ts";
import type { Invocation } from "./invocation.ts";

/** `--cfg job|hydra|all`: prints the composed configuration, or one package of it. */
export function showConfig<T>({ args, loader, configName }: Invocation<T>): void {
  const { config } = loader.load({ configName, overrides: args.overrides, runMode: "RUN" });
  HydraConfig.set(config);
  const shown = sanitized(config, args.cfg ?? "job");
  const packageName = args.package === "_global_" ? undefined : args.package;
  const part = packageName === undefined ? shown : selectRaw(shown, packageName);
  if (part === null)
    throw new HydraError({ code: "hydra/package", what: `package '${packageName}' not found in config` });
  if (!isConfig(part)) {
    const isSecret = typeof part === "string" && packageName?.split(".").some(isSecretKey);
    process.stdout.write(`${isSecret ? secretMask : maskText(pythonStr(part))}\n`);
    return;
  }
  if (packageName !== undefined) process.stdout.write(`# @package ${packageName}\n`);
  if (args.resolve) resolveForOutput(part);
  process.stdout.write(toYaml(part, { maskSecrets: true }));
}

/** The part of a configuration that `--cfg` shows: without Hydra's node, only it, or all. */
export function sanitized(config: DictConfig, kind: string): DictConfig {
  if (kind === "job") return withoutHydraCopy(config);
  const copy = config.copy();
  for (const list of ["hydra.overrides.task", "hydra.overrides.hydra"]) maskList(copy, list);
  if (kind === "all") return copy;
  for (const key of [...copy.keys()]) if (key !== "hydra") copy.content.delete(key);
  const hydra = select(copy, "hydra") as DictConfig;
  hydra.content.delete("hydra_help");
  hydra.content.delete("help");
  return copy;
}

/** Resolves all interpolations in place; one that leads to a missing value becomes missing itself. */
export function resolveForOutput(config: DictConfig | ListConfig): void {
  readWrite(config, () => {
    for (const node of [...config.nodes()]) resolveNode(config, node);
  });
}

function resolveNode(parent: DictConfig | ListConfig, node: Node) {
  if (isConfig(node)) return resolveForOutput(node);
  if (!(node instanceof ValueNode) || !node.isInterpolation) return;
  let value: unknown;
  try {
    value = dereference(node);
  } catch (error) {
    if (!(error instanceof InterpolationToMissingValueError)) throw error;
    value = "???";
  }
  if (parent instanceof DictConfig) parent.put(node.key as string, value);
  else parent.set(node.key as number, value);
  const replaced = parent instanceof DictConfig ? parent.node(node.key as string) : parent.node(node.key as number);
  if (isConfig(replaced)) resolveForOutput(replaced);
}

/** Masks the secrets among recorded overrides, in place. */
function maskList(config: DictConfig, key: string): void {
  const list = selectNode(config, key) as ListConfig;
  readWrite(list, () => {
    for (const [index, line] of (toRaw(list) as string[]).entries()) list.set(index, maskArgument(line));
  });
}
