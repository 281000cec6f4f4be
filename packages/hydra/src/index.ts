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
export { ConfigCompositionError, ConfigLoadError, HydraError, MissingConfigError } from "./errors.ts";
export * from "./omegaconf/index.ts";
export { Override, OverrideParseError, parseOverride, parseOverrides } from "./overrides/index.ts";
export { registerConfigSource } from "./sources/search-path.ts";
export type { ConfigSource, SourceConfig } from "./sources/source.ts";
export { ConfigStore, type StoreEntry } from "./sources/store.ts";
export * from "./instantiate/index.ts";
