export { CSVLogger, type CSVLoggerOptions, csvLoggerOptionsSchema } from "./csv-logger.ts";
export { GuardedLogger } from "./guarded-logger.ts";
export { plainHyperparams } from "./hyperparams.ts";
export {
  type CheckpointSource,
  type FinalStatus,
  type Hyperparams,
  type LoggedImage,
  type LoggedTable,
  Logger,
  type PlainValue,
  withPrefix,
} from "./logger.ts";
export { prefixOption, VersionedLogger, versionedOptions } from "./versioned-logger.ts";
