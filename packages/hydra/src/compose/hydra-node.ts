import { ConfigCompositionError } from "../errors.ts";
import { DictConfig, ListConfig } from "../omegaconf/containers.ts";
import { openDict } from "../omegaconf/flags.ts";
import { selectNode } from "../omegaconf/select.ts";
import { toRaw } from "../omegaconf/to-container.ts";
import { update } from "../omegaconf/update.ts";
import type { Override } from "../overrides/index.ts";
import { hydraVersion, hydraVersionBase } from "../sources/hydra-conf.ts";
import type { ConfigSource } from "../sources/source.ts";

export interface HydraNodeFacts {
  readonly overrides: readonly Override[];
  readonly choices: ReadonlyMap<string, string | null>;
  readonly sources: readonly ConfigSource[];
  readonly configName: string | undefined;
  readonly jobName: string;
}

/** Writes into the `hydra` node what is known once a configuration is composed. */
export function fillHydraNode(config: DictConfig, facts: HydraNodeFacts): void {
  const hydra = dictAt(config, "hydra");
  for (const override of facts.overrides) {
    listAt(config, `hydra.overrides.${override.isHydraOverride ? "hydra" : "task"}`).append(override.inputLine);
  }
  openDict(hydra, () => {
    const choices = dictAt(config, "hydra.runtime.choices");
    for (const [group, choice] of facts.choices) choices.set(group, choice);
    const environment = dictAt(config, "hydra.job.env_set");
    for (const name of toRaw(listAt(config, "hydra.job.env_copy"), { resolve: true }) as string[]) {
      const value = process.env[name];
      if (value === undefined) {
        throw new ConfigCompositionError(`hydra.job.env_copy: the environment variable '${name}' is not set`);
      }
      environment.set(name, value);
    }
  });
  const set = (key: string, value: unknown) => update(config, `hydra.${key}`, value, { merge: false });
  set("runtime.version", hydraVersion);
  set("runtime.version_base", hydraVersionBase);
  set("runtime.cwd", process.cwd());
  set(
    "runtime.config_sources",
    facts.sources.map(({ path, scheme, provider }) => ({ path, schema: scheme, provider })),
  );
  const job = dictAt(config, "hydra.job");
  const name = job.node("name");
  if (name === undefined || (name as { value?: unknown }).value === "???") job.set("name", facts.jobName);
  job.set("config_name", facts.configName ?? null);
}

function dictAt(config: DictConfig, key: string): DictConfig {
  const node = selectNode(config, key);
  if (node instanceof DictConfig) return node;
  throw new ConfigCompositionError(`'${key}' must be a mapping`);
}

function listAt(config: DictConfig, key: string): ListConfig {
  const node = selectNode(config, key);
  if (node instanceof ListConfig) return node;
  throw new ConfigCompositionError(`'${key}' must be a list`);
}
