import { pythonEquals } from "../compose/equals.ts";
import type { ConfigLoader } from "../compose/loader.ts";
import { ConfigCompositionError } from "../errors.ts";
import type { DictConfig, ListConfig } from "../omegaconf/containers.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { selectNode, selectRaw } from "../omegaconf/select.ts";
import { toRaw } from "../omegaconf/to-container.ts";

/** Composes one job of a sweep: the multirun's own overrides of Hydra's node, then those of the job. */
export function loadSweepConfig(loader: ConfigLoader, master: DictConfig, overrides: readonly string[]): DictConfig {
  const own = toRaw(selectNode(master, "hydra.overrides.hydra") as ListConfig) as string[];
  const configName = selectRaw(master, "hydra.job.config_name");
  const { config } = loader.load({
    configName: configName === null ? undefined : pythonStr(configName),
    overrides: [...own, ...overrides],
    runMode: "RUN",
  });
  for (const key of ["launcher", "sweeper"]) checkUnchanged(master, config, key);
  // So that ${now:...} is the same time for the sweep and for all of its jobs.
  config.cache = master.cache;
  return config;
}

function checkUnchanged(master: DictConfig, job: DictConfig, key: string) {
  const choice = (config: DictConfig) =>
    (selectNode(config, "hydra.runtime.choices") as DictConfig).node(`hydra/${key}`);
  const value = (config: DictConfig) => {
    const node = choice(config) as { value?: unknown } | undefined;
    return node?.value ?? null;
  };
  if (value(master) !== value(job)) {
    throw new ConfigCompositionError(
      `'hydra/${key}' must be selected before the sweep starts, but a swept job config changed it from ` +
        `'${pythonStr(value(master))}' to '${pythonStr(value(job))}'. Select it in the primary config or from the command line.`,
    );
  }
  if (!pythonEquals(selectNode(master, `hydra.${key}`), selectNode(job, `hydra.${key}`))) {
    throw new ConfigCompositionError(
      `'hydra.${key}' must be configured before the sweep starts, but a swept job config changed it. ` +
        "Configure it in the primary config or from the command line.",
    );
  }
}
