import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { maskDocument } from "@classifier-training/base";
import { isFileTarget, locateFileTarget } from "../instantiate/file-target.ts";
import { DictConfig, isConfig } from "../omegaconf/containers.ts";
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
  writeRecord(join(folder, "config.yaml"), toYaml(taskConfig));
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

/**
 * Names the files of targets from the working directory, or in full: the record of a job lies elsewhere than the
 * configuration file beside which `./file.ts#Name` was found.
 */
export function rootFileTargets(node: Node, workingDir: string | undefined): void {
  if (!isConfig(node)) return;
  const target = node instanceof DictConfig ? node.node("_target_") : undefined;
  if (target instanceof ValueNode && typeof target.value === "string" && isFileTarget(target.value)) {
    const [path, exported] = [target.value.replace(/#[^#]*$/, ""), target.value.replace(/^.*#/s, "")];
    const config = [target.origin, node.origin].find((origin) => origin?.kind === "file")?.source;
    const file = locateFileTarget(path, config);
    if (file !== undefined) {
      const inside = workingDir === undefined ? ".." : relative(workingDir, file);
      target.value = `${inside.startsWith("..") ? file : `./${inside}`}#${exported}`;
    }
  }
  for (const child of node.nodes()) rootFileTargets(child, workingDir);
}
