import { CtError } from "@classifier-training/base";
import type { ResultDefault } from "../defaults/list.ts";
import { ConfigCompositionError, ConfigLoadError } from "../errors.ts";
import { type Container, DictConfig } from "../omegaconf/containers.ts";
import { ConfigError } from "../omegaconf/errors.ts";
import { splitKey } from "../omegaconf/keys.ts";
import { mergeWith } from "../omegaconf/merge.ts";
import { select } from "../omegaconf/select.ts";
import type { ConfigRepository } from "../sources/repository.ts";

/** Merges the configs of a defaults list, each at its package, in order. */
export function mergeDefaults(defaults: readonly ResultDefault[], repository: ConfigRepository): DictConfig {
  const config = new DictConfig();
  for (const entry of defaults) {
    const loaded = repository.loadConfig(entry.configPath);
    if (loaded === undefined) throw new ConfigLoadError(`Config not found : ${entry.configPath}`);
    const embedded = embed(loaded.config, entry.package);
    if (!entry.isPrimary && entry.configPath !== "hydra/config") refuseSearchPath(embedded, entry.configPath);
    try {
      mergeWith(config, embedded);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      throw new ConfigCompositionError(
        `In '${entry.configPath}': ${error.name} raised while composing config:\n${error.message}`,
        { cause: error },
      );
    }
  }
  return config;
}

/** The config below the keys of its package. It is not copied: merging does that. */
function embed(config: Container, packageName: string): Container {
  if (packageName === "") {
    config.parent = undefined;
    config.key = undefined;
    return config;
  }
  return splitKey(packageName).reduceRight<Container>((inner, key) => {
    const outer = new DictConfig();
    outer.attach(key, inner);
    return outer;
  }, config);
}

function refuseSearchPath(config: Container, path: string) {
  if (!(config instanceof DictConfig) || !config.has("hydra")) return;
  let searchPath: unknown = null;
  try {
    searchPath = select(config, "hydra.searchpath");
  } catch (error) {
    if (!CtError.is(error)) throw error;
  }
  if (searchPath === null) return;
  throw new ConfigCompositionError(
    `In '${path}': Overriding hydra.searchpath is only supported from the primary config`,
  );
}
