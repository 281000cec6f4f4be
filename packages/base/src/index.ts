export {
  cacheFolder,
  type Environment,
  expandHome,
  pathOfVariable,
  trimCache,
  userCacheFolder,
} from "./cache-folder.ts";
export { displayPath, isProcessAlive, scratchFolder, temporaryPath, writeFileAtomic } from "./files.ts";
export { importModule } from "./import-module.ts";
export { tryLockFile } from "./lock-file.ts";
export {
  getLogger,
  type Logger,
  type LogLevel,
  type LogRecord,
  type LogSink,
  logLevels,
  progressInLog,
  setLogLevel,
  setLogSinks,
} from "./log.ts";
export * from "./portable.ts";
export {
  firstMachine,
  isLaunched,
  isMainProcess,
  isRankProcess,
  localProcessCount,
  rankName,
  rankVariables,
  slurmVariables,
} from "./ranks.ts";
export { openRegularFile, readRegularFile } from "./read-file.ts";
export {
  isSecretKey,
  maskArgument,
  maskDocument,
  maskText,
  maskValue,
  secretMask,
} from "./secrets.ts";
export { type EvaluationSplit, type Split, splitFolderNames, splitOf, splits } from "./splits.ts";
export { canRedraw, columnsOf, dropOutputErrors, hasColor } from "./terminal.ts";
export { spawnWorker } from "./worker.ts";
