import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { maskDocument } from "@classifier-training/base";
import { isFileTarget, locateFileTarget } from "../instantiate/file-target.ts";
import { DictConfig, isConfig } from "../omegaconf/containers.ts";
import { readWrite } from "../omegaconf/flags.ts";
import { type Node, ValueNode } from "../omegaconf/node.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { selectRaw } from "../omegaconf/select.ts";
import { toYaml } from "../omegaconf/to-yaml.ts";

/**
 * Writes what a job was given: `config.yaml`, `hydra.yaml`, `overrides.yaml`. Later commands read them, so they are exact;
 * those that hold secrets can be read by their owner only.
 */
export function saveSnapshots(config: DictConfig, taskConfig: DictConfig, overrides: readonly string[]): void {
  const subdir = selectRaw(config, "hydra.output_subdir");
  if (subdir === null) return;
  const folder = join(pythonStr(selectRaw(config, "hydra.runtime.output_dir")), pythonStr(subdir));
  mkdirSync(folder, { recursive: true });
  const hydraOnly = config.copy();
  for (const key of [...hydraOnly.content.keys()]) if (key !== "hydra") hydraOnly.content.delete(key);
  const task = taskConfig.copy();
  const workingDir = pythonStr(selectRaw(config, "hydra.runtime.cwd"));
  readWrite(task, () => keepFileTargets(task, workingDir));
  writeRecord(join(folder, "config.yaml"), toYaml(task));
  writeRecord(join(folder, "hydra.yaml"), toYaml(hydraOnly));
  writeRecord(join(folder, "overrides.yaml"), toYaml(overrides));
}

/** Writes a record whole; one that shows a secret is its owner's alone. */
export function writeRecord(path: string, yaml: string): void {
  const isSecret = maskDocument(yaml) !== yaml;
  // An existing file keeps its mode.
  if (isSecret) rmSync(path, { force: true });
  writeFileSync(path, yaml, isSecret ? { mode: 0o600 } : {});
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
