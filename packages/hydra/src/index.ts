export type { HydraCallback } from "./app/callbacks.ts";
export { type ConfigIssue, findProblems, issueText, optionsIssues } from "./app/check.ts";
export type { JobContext, JobReturn, JobStatus, TaskFunction } from "./app/job.ts";
export { type MainOptions, type MainResult, main } from "./app/main.ts";
export {
  type Launcher,
  type LauncherFactory,
  type PluginContext,
  type PluginOptions,
  registerLauncher,
  registerSweeper,
  type Sweeper,
  type SweeperFactory,
} from "./app/plugins.ts";
export {
  type ComposeOptions,
  compose,
  type Initialized,
  type InitializeOptions,
  initialize,
  initializeConfigDir,
  initializeConfigModule,
} from "./compose/api.ts";
export { HydraConfig } from "./compose/runtime.ts";
export {
  ConfigCompositionError,
  ConfigLoadError,
  HydraError,
  ManyProblemsError,
  MissingConfigError,
} from "./errors.ts";
export * from "./instantiate/index.ts";
export * from "./omegaconf/index.ts";
export {
  ChoiceSweep,
  Glob,
  IntervalSweep,
  Override,
  OverrideParseError,
  type OverrideType,
  parseOverride,
  parseOverrides,
  parseValue,
  QuotedString,
  RangeSweep,
  textOverride,
  type ValueType,
} from "./overrides/index.ts";
export { registerConfigSource, type SourceFactory } from "./sources/search-path.ts";
export type { ConfigSource, SourceConfig } from "./sources/source.ts";
export { ConfigStore, type StoreEntry } from "./sources/store.ts";
