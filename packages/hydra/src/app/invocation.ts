import type { ConfigLoader } from "../compose/loader.ts";
import type { DictConfig } from "../omegaconf/containers.ts";
import type { ParsedArgs } from "./args.ts";
import type { ClaimDirectory, TaskFunction } from "./task.ts";

/** One thing that is wrong with a configuration. */
export interface ConfigIssue {
  /** Full key path. */
  readonly key: string;
  readonly what: string;
  /** File and line, or the override. */
  readonly where: string | undefined;
  readonly fix: string | undefined;
}

export interface MainOptions {
  /** Folder of the configs: absolute, `pkg://...`, or relative to `from`. Without it only the ConfigStore is read. */
  readonly configPath?: string | undefined;
  /** Folders of configs that are read last: a file of the same name in `configPath` or `--config-dir` takes precedence. */
  readonly fallbackPath?: string | readonly string[] | undefined;
  /** The primary config, without extension. */
  readonly configName?: string | undefined;
  /** `import.meta.url` of the application: where relative paths start. The current directory by default. */
  readonly from?: string | URL | undefined;
  /** `hydra.job.name`; by default the name of the application's file. */
  readonly jobName?: string | undefined;
  /** How the program is called, for messages and completion: `classifier train`. */
  readonly program?: string | undefined;
  /** Arguments and overrides; by default those of the process. */
  readonly argv?: readonly string[] | undefined;
  /** Text of `--help` instead of Hydra's own, in the form of `hydra.help.template`; one in the configuration goes before. */
  readonly helpTemplate?: string | undefined;
  /** What `--info unused` runs instead of the task: build all that the configuration describes, do no work. */
  readonly dryRun?: TaskFunction<unknown> | undefined;
  /** What `--info check` finds wrong besides: what only the program knows. */
  readonly check?: ((config: DictConfig) => Promise<readonly ConfigIssue[]>) | undefined;
  /**
   * The options of a mapping that comes from `fallbackPath` which may be set though its config does not list them: a schema
   * behind the program's own configs. Mappings of other files keep Hydra's rule.
   */
  readonly options?: ((mapping: DictConfig) => Promise<readonly string[]>) | undefined;
  /**
   * Overrides that the program adds when it has seen what the command line composes. Those of the command line go before
   * them. Called where a configuration is shown, too.
   */
  readonly decide?: ((look: FirstLook) => Promise<readonly string[]>) | undefined;
  /** Where a job's files go when its directory is taken; by default there all the same, as in Hydra. */
  readonly claimDirectory?: ClaimDirectory | undefined;
  /** The same for the directory of a whole sweep. */
  readonly claimSweepDirectory?: ((planned: string) => string) | undefined;
}

/** What a program knows before it decides. */
export interface FirstLook {
  /** The command line's overrides; of a sweep, the first values. */
  readonly overrides: readonly string[];
  /** Whether jobs will run; else a configuration is shown. */
  readonly willRun: boolean;
  /** The configuration with other overrides, Hydra's own node included. @throws HydraError */
  compose(overrides: readonly string[]): DictConfig;
}

/** An invocation of `main`, as its commands see it. */
export interface Invocation<T> {
  readonly args: ParsedArgs;
  readonly loader: ConfigLoader;
  readonly configName: string | undefined;
  readonly program: string;
  readonly helpTemplate: string | undefined;
  readonly task: TaskFunction<T>;
  readonly dryRun: TaskFunction<unknown> | undefined;
  readonly check: MainOptions["check"];
  readonly claimDirectory: ClaimDirectory | undefined;
  readonly claimSweepDirectory: MainOptions["claimSweepDirectory"];
}
