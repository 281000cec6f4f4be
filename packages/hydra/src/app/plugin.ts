import type { ConfigLoader, LoadedConfiguration } from "../compose/loader.ts";
import type { Callbacks } from "./callbacks.ts";
import type { ClaimDirectory, JobReturn, TaskFunction } from "./task.ts";

/** What a sweeper and a launcher work with. */
export interface PluginContext {
  readonly loader: ConfigLoader;
  /** The configuration of the multirun itself. */
  readonly loaded: LoadedConfiguration;
  readonly callbacks: Callbacks;
  readonly task: TaskFunction<unknown>;
  readonly configName: string | undefined;
  /** For launchers that run jobs here: where a job's files go when its directory is taken. */
  readonly claimDirectory: ClaimDirectory | undefined;
}

/** Runs jobs: here, in other processes, or on a cluster. */
export interface Launcher {
  /** Runs one job for each list of overrides; jobs are numbered from `firstIndex`. */
  launch(jobs: readonly (readonly string[])[], firstIndex: number): Promise<readonly JobReturn[]>;
}

/** Decides which jobs to run, from the overrides of the command line. */
export interface Sweeper {
  /** Returns the jobs of each batch. */
  sweep(overrides: readonly string[]): Promise<readonly (readonly JobReturn[])[]>;
}

/** Options as the configuration has them (`hydra.launcher`, `hydra.sweeper`), without `_target_`. */
export type PluginOptions = Readonly<Record<string, unknown>>;
export type LauncherFactory = (options: PluginOptions, context: PluginContext) => Launcher;
export type SweeperFactory = (options: PluginOptions, context: PluginContext, launcher: Launcher) => Sweeper;
