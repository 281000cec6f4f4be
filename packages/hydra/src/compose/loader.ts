import { CtError, getLogger } from "@classifier-training/base";
import { createDefaultsList, type DefaultsList } from "../defaults/list.ts";
import { ConfigCompositionError, ManyProblemsError, MissingConfigError } from "../errors.ts";
import { DictConfig, ListConfig } from "../omegaconf/containers.ts";
import { ConfigError } from "../omegaconf/errors.ts";
import { setReadonly, setStruct } from "../omegaconf/flags.ts";
import { selectRaw } from "../omegaconf/select.ts";
import { toRaw } from "../omegaconf/to-container.ts";
import { type Override, parseOverrides } from "../overrides/index.ts";
import { ConfigRepository } from "../sources/repository.ts";
import type { SearchPathEntry } from "../sources/search-path.ts";
import { applyOverrides, type UnlistedOptions } from "./apply-overrides.ts";
import { fillHydraNode } from "./hydra-node.ts";
import { mergeDefaults } from "./merge-defaults.ts";
import { registerHydraResolvers } from "./runtime.ts";
import { checkSweeps, type RunMode } from "./sweeps.ts";

export interface LoadOptions {
  readonly configName: string | undefined;
  readonly overrides: readonly string[];
  readonly runMode: RunMode;
  /** Overrides come from a shell, which needs more quotes. */
  readonly fromShell?: boolean;
  /** Refuse sweeps that this run mode cannot run. */
  readonly checkSweepOverrides?: boolean;
}

/** A composed configuration, with what it was made of. */
export interface LoadedConfiguration {
  /** The whole configuration, Hydra's own node (`hydra`) included. */
  readonly config: DictConfig;
  readonly repository: ConfigRepository;
  readonly defaultsList: DefaultsList;
  readonly overrides: readonly Override[];
}

/** Composes configurations of one search path. */
export class ConfigLoader {
  readonly #entries: readonly SearchPathEntry[];
  readonly #jobName: string;
  readonly #olderHeaders: boolean;
  /** What may be set though no config lists it. */
  unlisted: UnlistedOptions = () => [];

  /** @param olderHeaders see {@link ConfigRepository} */
  constructor(entries: readonly SearchPathEntry[], jobName: string, olderHeaders = false) {
    this.#olderHeaders = olderHeaders;
    this.#entries = entries;
    this.#jobName = jobName;
    registerHydraResolvers();
  }

  /** @throws HydraError */
  load(options: LoadOptions): LoadedConfiguration {
    const { runMode } = options;
    const { repository, overrides } = this.open(options);
    if (options.checkSweepOverrides ?? true) checkSweeps(overrides, runMode, options.fromShell ?? true);
    const defaultsList = this.defaultsList(options, repository, overrides, true);
    if (defaultsList.problems.length > 0) throw incomplete(defaultsList, repository);
    try {
      const config = mergeDefaults(defaultsList.defaults, repository, overrides);
      setStruct(config, true);
      const hydra = config.node("hydra");
      if (!(hydra instanceof DictConfig)) throw new ConfigCompositionError("the key 'hydra' is Hydra's own");
      setReadonly(hydra, false);
      applyOverrides(defaultsList.configOverrides, config, this.unlisted);
      fillHydraNode(config, {
        overrides,
        choices: defaultsList.choices,
        sources: repository.sources,
        configName: options.configName,
        jobName: this.#jobName,
      });
      return { config, repository, defaultsList, overrides };
    } catch (error) {
      if (error instanceof ConfigError) throw new ConfigCompositionError(error.message, { cause: error });
      throw error;
    }
  }

  /** The defaults list alone. */
  defaultsList(
    options: LoadOptions,
    repository: ConfigRepository,
    overrides: readonly Override[],
    keepProblems = false,
  ): DefaultsList {
    return createDefaultsList(repository, options.configName, overrides, {
      prependHydra: true,
      skipMissing: options.runMode === "MULTIRUN",
      keepProblems,
    });
  }

  /** Parses the overrides and opens the search path, with what the primary config or an override adds to it. */
  open({ configName, overrides: inputs }: Pick<LoadOptions, "configName" | "overrides">): {
    repository: ConfigRepository;
    overrides: Override[];
  } {
    const repository = new ConfigRepository(this.#entries, this.#olderHeaders);
    for (const source of repository.sources) {
      if (source.provider === "main" && !source.available()) {
        const place = source.scheme === "pkg" ? "package" : "directory";
        throw new MissingConfigError(
          `Primary config ${place} not found.\nCheck that the config directory '${source.path}' exists and readable`,
          undefined,
        );
      }
    }
    const overrides = parseOverrides(inputs);
    const added = this.#addedSearchPath(repository, configName, overrides);
    if (added.length > 0) {
      repository.setSearchPath([...this.#entries.slice(0, -1), ...added, ...this.#entries.slice(-1)]);
      for (const source of repository.sources) {
        if (source.available()) continue;
        getLogger("hydra").warning(`provider=${source.provider}, path=${source.path} is not available.`);
      }
    }
    return { repository, overrides };
  }

  #addedSearchPath(
    repository: ConfigRepository,
    configName: string | undefined,
    overrides: readonly Override[],
  ): SearchPathEntry[] {
    const primary = configName === undefined ? undefined : repository.loadConfig(configName)?.config;
    if (primary instanceof ListConfig) {
      throw new ConfigCompositionError(`primary config '${configName}' must be a DictConfig, got ListConfig`);
    }
    const override = overrides.find(({ keyElement }) => keyElement === "hydra.searchpath");
    const value = override?.value() ?? (primary === undefined ? null : searchPathOf(primary));
    const provider = override === undefined ? "hydra.searchpath in main" : "hydra.searchpath in command-line";
    if (value === null) return [];
    const paths = value instanceof ListConfig ? toRaw(value, { resolve: true }) : value;
    if (!Array.isArray(paths) || paths.some((path) => typeof path !== "string")) {
      throw new ConfigCompositionError(`hydra.searchpath must be a list of strings. Got: ${JSON.stringify(paths)}`);
    }
    return (paths as string[]).map((path) => ({ provider, path }));
  }
}

/**
 * The error for configs that could not be loaded, together with the overrides that would be wrong in any case: those of
 * keys that no missing config could have brought.
 */
function incomplete({ problems, defaults, configOverrides }: DefaultsList, repository: ConfigRepository): CtError {
  const errors = problems.map(({ error }) => error);
  const isBelow = (key: string, packageName: string) =>
    packageName === "" || `${key}.`.startsWith(`${packageName}.`) || `${packageName}.`.startsWith(`${key}.`);
  const others = configOverrides.filter(
    ({ keyOrGroup }) => !problems.some((problem) => isBelow(keyOrGroup, problem.package)),
  );
  try {
    const config = mergeDefaults(defaults, repository);
    setStruct(config, true);
    applyOverrides(others, config);
  } catch (error) {
    if (!CtError.is(error)) throw error;
    errors.push(...(error instanceof ManyProblemsError ? error.problems : [error as CtError]));
  }
  const [only] = errors;
  return errors.length === 1 && only !== undefined ? only : new ManyProblemsError(errors);
}

function searchPathOf(primary: DictConfig): unknown {
  if (!primary.has("hydra")) return null;
  try {
    return selectRaw(primary, "hydra.searchpath");
  } catch (error) {
    if (!CtError.is(error)) throw error;
    throw new ConfigCompositionError(error.message, { cause: error });
  }
}
