export * from "./analysis/index.ts";
export { type Annotations, readAnnotations, writeAnnotations } from "./annotations.ts";
export {
  type BestWeights,
  bestWeightsSchema,
  readBestWeights,
  type WeightsName,
  writeBestWeights,
} from "./best-weights.ts";
export {
  type BundleManifest,
  bundleManifestSchema,
  manifestHash,
  manifestHashKey,
  sha256,
} from "./bundle-manifest.ts";
export { claimRunDirectory, claimSweepDirectory, runInUse } from "./claim.ts";
export { type NamedConfusion, readConfusionCounts, writeConfusionCounts } from "./confusion-counts.ts";
export type { MetricsRow } from "./csv.ts";
export {
  type DataAnalysis,
  type DataAnalysisKind,
  type Judges,
  readDataAnalysis,
  writeDataAnalysis,
} from "./data-analysis.ts";
export { type Decisions, noteDecisions, readDecisions } from "./decisions.ts";
export { type EvaluationFolder, evaluationsOf } from "./evaluation-list.ts";
export { type FolderUse, folderUses, isInUse, noteFolderUse, runDirOf } from "./folder-log.ts";
export {
  type Calibration,
  checkLabelsMapping,
  classNamesOf,
  type DecisionRule,
  decisionOf,
  type LabelsMapping,
  labelsMappingSchema,
  parseLabelsMapping,
  readLabelsMapping,
  refusalConfidence,
  writeLabelsMapping,
} from "./labels-mapping.ts";
export { withLock } from "./lock.ts";
export { MetricsReader, type MetricsUpdate, readLatestRow } from "./metrics-reader.ts";
export { MetricsWriter } from "./metrics-writer.ts";
export {
  bundlePaths,
  checkpointExtension,
  checkpointPaths,
  epochFolder,
  epochOfFolder,
  evaluationFolders,
  evaluationPaths,
  historyPaths,
  modelVariantFile,
  runPaths,
} from "./names.ts";
export { type Origins, readOrigins, writeOrigins } from "./origins.ts";
export {
  dropPredictionDetails,
  joinLabels,
  type LabelCounts,
  labelCounts,
  type Prediction,
  type PredictionDetails,
  type PredictionRow,
  predictionDetails,
  predictionDetailsPath,
  predictionMetadata,
  readPredictions,
  splitLabels,
  writePredictions,
} from "./predictions.ts";
export { classNamesOfRun, fileInside, isInside, listImages, listRuns, type Run, readRun } from "./run-reader.ts";
export { type RunRecord, type RunRecordInput, type RunStatus, runRecordSchema, trialKind } from "./run-record.ts";
export { RunWriter } from "./run-writer.ts";
export { readSplitRecord, type SplitRecord, splitDigest, writeSplitRecord } from "./split-record.ts";
export { type Timeline, TimelineReader, TimelineWriter } from "./timeline.ts";
