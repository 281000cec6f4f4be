import { existsSync } from "node:fs";
import { join } from "node:path";
import { compose, type DictConfig, initializeConfigDir } from "@classifier-training/hydra";
import { configFolders } from "../src/extensions.ts";

/** Composes a root configuration of the product or its extensions, with the groups of all of them. */
export function composed(configName: string, overrides: readonly string[] = []): DictConfig {
  const folders = configFolders();
  const primary = folders.find((folder) => existsSync(join(folder, `${configName}.yaml`))) ?? "";
  const others = folders.filter((folder) => folder !== primary).map((folder) => `file://${folder}`);
  const { dispose } = initializeConfigDir(primary);
  try {
    return compose({ configName, overrides: [`hydra.searchpath=${JSON.stringify(others)}`, ...overrides] });
  } finally {
    dispose();
  }
}
