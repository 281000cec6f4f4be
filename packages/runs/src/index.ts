export { readClassNames } from "./class-names.ts";
export type { MetricsRow } from "./csv.ts";
export { type FolderUse, folderLogName, folderUses, isInUse, noteFolderUse, runDirOf } from "./folder-log.ts";
export { MetricsReader, type MetricsUpdate } from "./metrics-reader.ts";
export { MetricsWriter } from "./metrics-writer.ts";
export { epochFolder, runPaths } from "./paths.ts";
export { fileInside, isInside, listImages, listRuns, type Run, readRun } from "./run-reader.ts";
export { RunWriter } from "./run-writer.ts";
export { type RunRecord, type RunRecordInput, type RunStatus, runRecordSchema, trialKind } from "./schema.ts";
