import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { isFileTarget, locateFileTarget } from "../instantiate/file-target.ts";
import { DictConfig, isConfig, type ListConfig } from "../omegaconf/containers.ts";
import { readWrite } from "../omegaconf/flags.ts";
import { type Node, ValueNode } from "../omegaconf/node.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { selectNode, selectRaw } from "../omegaconf/select.ts";
import { toRaw } from "../omegaconf/to-container.ts";
import { toYaml } from "../omegaconf/to-yaml.ts";
import { maskOverride } from "./mask.ts";

/** Writes what a job was given: `config.yaml`, `hydra.yaml`, `overrides.yaml`. */
export function saveSnapshots(config: DictConfig, taskConfig: DictConfig, overrides: readonly string[]): void {
  const subdir = selectRaw(config, "hydra.output_subdir");
  if (subdir === null) return;
  const folder = join(pythonStr(selectRaw(config, "hydra.runtime.output_dir")), pythonStr(subdir));
  mkdirSync(folder, { recursive: true });
  const hydraOnly = config.copy();
  for (const key of [...hydraOnly.content.keys()]) if (key !== "hydra") hydraOnly.content.delete(key);
  for (const list of ["hydra.overrides.task", "hydra.overrides.hydra"]) maskList(hydraOnly, list);
  const task = taskConfig.copy();
  const workingDir = pythonStr(selectRaw(config, "hydra.runtime.cwd"));
  readWrite(task, () => keepFileTargets(task, workingDir));
  writeFileSync(join(folder, "config.yaml"), toYaml(task, { maskSecrets: true }));
  writeFileSync(join(folder, "hydra.yaml"), toYaml(hydraOnly, { maskSecrets: true }));
  writeFileSync(join(folder, "overrides.yaml"), toYaml(overrides.map(maskOverride)));
}

/** Files that targets name beside their configuration file are named from the working directory: the snapshot lies elsewhere. */
function keepFileTargets(node: Node, workingDir: string): void {
  if (!isConfig(node)) return;
  const target = node instanceof DictConfig ? node.node("_target_") : undefined;
  if (target instanceof ValueNode && typeof target.value === "string" && isFileTarget(target.value)) {
    const [path, exported] = [target.value.replace(/#[^#]*$/, ""), target.value.replace(/^.*#/s, "")];
    const config = [target.origin, node.origin].find((origin) => origin?.kind === "file")?.source;
    const file = locateFileTarget(path, config);
    if (file !== undefined) {
      const inside = relative(workingDir, file);
      target.value = `${inside.startsWith("..") ? file : `./${inside}`}#${exported}`;
    }
  }
  for (const child of node.nodes()) keepFileTargets(child, workingDir);
}

/** Masks the secrets among recorded overrides, in place. */
export function maskList(config: DictConfig, key: string): void {
  const list = selectNode(config, key) as ListConfig;
  readWrite(list, () => {
    for (const [index, line] of (toRaw(list) as string[]).entries()) list.set(index, maskOverride(line));
  });
}
