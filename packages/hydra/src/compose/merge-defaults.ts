import { CtError, getLogger } from "@classifier-training/base";
import type { ResultDefault } from "../defaults/list.ts";
import { ConfigCompositionError, ConfigLoadError } from "../errors.ts";
import { type Container, DictConfig } from "../omegaconf/containers.ts";
import { ConfigError } from "../omegaconf/errors.ts";
import { splitKey } from "../omegaconf/keys.ts";
import { mergeWith } from "../omegaconf/merge.ts";
import { select, selectNode } from "../omegaconf/select.ts";
import type { Override } from "../overrides/index.ts";
import type { ConfigRepository } from "../sources/repository.ts";

const log = getLogger("hydra");

/** The nodes of Hydra's plug-ins, whose options are those of the plug-in that is chosen. */
const pluginKinds = ["sweeper", "launcher"];

/**
 * Merges the configs of a defaults list, each at its package, in order.
 * @param overrides those of the command line: a plug-in that they choose takes the place of another one, whose options
 * are then left out
 */
export function mergeDefaults(
  defaults: readonly ResultDefault[],
  repository: ConfigRepository,
  overrides: readonly Override[] = [],
): DictConfig {
  const replaced = pluginKinds.filter((kind) => overrides.some(({ keyOrGroup }) => keyOrGroup === `hydra/${kind}`));
  const config = new DictConfig();
  for (const entry of defaults) {
    const loaded = repository.loadConfig(entry.configPath);
    if (loaded === undefined) throw new ConfigLoadError(`Config not found : ${entry.configPath}`);
    const embedded = embed(loaded.config, entry.package);
    if (!entry.isPrimary && entry.configPath !== "hydra/config") refuseSearchPath(embedded, entry.configPath);
    for (const kind of replaced) leaveOutForeignOptions(config, embedded, kind, entry.configPath);
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

/** Takes what the chosen plug-in has no option for out of a config that was written for another one. */
function leaveOutForeignOptions(config: DictConfig, added: Container, kind: string, path: string): void {
  const chosen = selectNode(config, `hydra.${kind}`);
  const given = selectNode(added, `hydra.${kind}`);
  if (!(chosen instanceof DictConfig) || !(given instanceof DictConfig) || chosen.struct === undefined) return;
  const { fields } = chosen.struct;
  const target = given.node("_target_");
  if (target === undefined) return;
  const foreign = [...given.content.keys()].filter((key) => key === "_target_" || !fields.has(String(key)));
  for (const key of foreign) given.content.delete(key);
  log.warning(`In '${path}': hydra/${kind} is another one on the command line, without ${foreign.join(", ")}`);
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
