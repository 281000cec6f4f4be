export { cacheFolder, type Environment, expandHome, pathOfVariable, userCacheFolder } from "./cache-folder.ts";
export { type CsvRow, csvField, csvFields, csvText, parseCsv } from "./csv.ts";
export { CtError, internalError, type Problem } from "./errors.ts";
export { displayPath, isProcessAlive, scratchFolder, temporaryPath, writeFileAtomic } from "./files.ts";
export { importModule } from "./import-module.ts";
export {
  getLogger,
  type Logger,
  type LogLevel,
  type LogRecord,
  type LogSink,
  logLevels,
  setLogLevel,
  setLogSinks,
} from "./log.ts";
export {
  type OptionSpelling,
  registerOptionNames,
  setOptionSpelling,
  spellOptions,
  withYamlSpelling,
} from "./option-names.ts";
export { parseOptions, receivedText, type Schema } from "./options.ts";
export { openRegularFile, readRegularFile } from "./read-file.ts";
export { Rng } from "./rng.ts";
export {
  isSecretKey,
  maskArgument,
  maskDocument,
  maskText,
  maskValue,
  secretMask,
} from "./secrets.ts";
export { type Split, splitFolderNames, splitOf, splits } from "./splits.ts";
export {
  type Advice,
  type ForeignOption,
  foreignOptionAdvice,
  type OptionsSchema,
  optionsTarget,
  refusedTarget,
  type Target,
  type TargetTable,
  withForeignOptions,
} from "./target.ts";
export { canRedraw, dropOutputErrors, hasColor } from "./terminal.ts";
export {
  camelCase,
  comparePython,
  editDistance,
  nearestName,
  plural,
  printable,
  printableJson,
  shellWord,
  snakeCase,
  suggestion,
} from "./text.ts";
export { spawnWorker } from "./worker.ts";
