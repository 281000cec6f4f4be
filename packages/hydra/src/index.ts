export { parseArgs } from "./app/args.ts";
export type { HydraCallback } from "./app/callbacks.ts";
export { findProblems, issueText, optionsIssues } from "./app/check.ts";
export { explainKey } from "./app/explain.ts";
export type { ConfigIssue, FirstLook, MainOptions } from "./app/invocation.ts";
export { type MainResult, main } from "./app/main.ts";
export type {
  Launcher,
  LauncherFactory,
  PluginContext,
  PluginOptions,
  Sweeper,
  SweeperFactory,
} from "./app/plugin.ts";
export { registerLauncher, registerSweeper } from "./app/plugins.ts";
export type { JobContext, JobReturn, JobStatus, TaskFunction } from "./app/task.ts";
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
