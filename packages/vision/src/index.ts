export * from "@classifier-training/image";
export {
  type DownloadOptions,
  type DownloadProgress,
  download,
  type ProgressListener,
  progressBar,
} from "@classifier-training/torch/download";
export { isBatchTransform, RandomBatchApply, RandomBatchChoice } from "./batch-transforms/containers.ts";
export { CutMix } from "./batch-transforms/cut-mix.ts";
export { MixUp } from "./batch-transforms/mix-up.ts";
export { cached } from "./datasets/cache.ts";
export {
  type CheckOptions,
  checkData,
  type DataReport,
  type SplitSummary,
} from "./datasets/check/check-data.ts";
export { checkSplits, type SplitsCheck } from "./datasets/check/check-splits.ts";
export type { DuplicateGroup } from "./datasets/check/duplicates.ts";
export { renderDataReport } from "./datasets/check/render.ts";
export type { ClassToIdx } from "./datasets/classes.ts";
export { hashDataset } from "./datasets/content/content-hashes.ts";
export {
  ImageDataset,
  type ImageDatasetInit,
  type LabeledImage,
  type LeftOut,
  type LeftOutReason,
  type SampleMetadata,
} from "./datasets/dataset.ts";
export { describeEdit } from "./datasets/edits/describe-edit.ts";
export type { Edit, ExclusionReason, RecordedEdit } from "./datasets/edits/edit.ts";
export { EditLog } from "./datasets/edits/edit-log.ts";
export type { EditState } from "./datasets/edits/edit-state.ts";
export { groupsOf, metadataColumns, metadataValue, pathWithin } from "./datasets/groups.ts";
export { IdxDataset } from "./datasets/idx.ts";
export { ImageFolder } from "./datasets/image-folder.ts";
export {
  defineImageStep,
  type ImageStepDefinition,
  type ImageStepFunctions,
} from "./datasets/image-step.ts";
export { JsonlDataset } from "./datasets/jsonl.ts";
export type { LabelSets, Task } from "./datasets/label-sets.ts";
export { type SplitLayout, splitLayout } from "./datasets/open/layout.ts";
export { type OpenedData, openData } from "./datasets/open/open-data.ts";
export type { OpenOptions, SplitOptions } from "./datasets/open/options.ts";
export {
  hasSplit,
  type MadeSplit,
  type SplitChoices,
  type SplitData,
  splitData,
} from "./datasets/partition/split-data.ts";
export type { SplitBy } from "./datasets/partition/split-dataset.ts";
export { type TaskChoice, taskChoices } from "./datasets/row-labels.ts";
export { openSource } from "./datasets/source.ts";
export type { ImageSource, ImageStep, SourceSpec } from "./datasets/source-spec.ts";
export { storedBytes, storedStart } from "./datasets/stored-bytes.ts";
export { VisionError } from "./errors.ts";
export { type BatchTransform, type ClassificationBatch, classificationBatch } from "./loader/batch.ts";
export { DataLoader, type DataLoaderOptions } from "./loader/data-loader.ts";
export type { LoaderStats } from "./loader/raw-loader.ts";
export { planThreads, type ThreadPlan } from "./loader/threads.ts";
export type { KeyMapping, ModelDefinition, ModelOptions } from "./models/definition.ts";
export { defineModel } from "./models/definition.ts";
export { describeNetwork, networkOptionAliases } from "./models/described-network.ts";
export { ModelError } from "./models/errors.ts";
export { freezeStages, parametersByStage, type StageParameters } from "./models/freeze.ts";
export { replaceHead } from "./models/head.ts";
export { ImageModel, type Stage } from "./models/image-model.ts";
export { type LoadReport, loadWeights } from "./models/load-weights.ts";
export { networkOf } from "./models/network-of.ts";
export { type ParameterGroup, type ParameterGroupOptions, parameterGroups } from "./models/parameter-groups.ts";
export { moduleAt } from "./models/paths.ts";
export {
  createPretrainedModel,
  loadPretrained,
  type PretrainedInfo,
  type PretrainedOptions,
} from "./models/pretrained.ts";
export type { Preprocessing, PublishedWeights } from "./models/published-weights.ts";
export { createModel, listModels, modelDefinition, registerModel } from "./models/registry.ts";
export { ResNet, type ResNetConfig, type ResNetOptions } from "./models/resnet.ts";
export { RandomSampler, SequentialSampler, SubsetSampler } from "./samplers/basic.ts";
export { DistributedBatchSampler, DistributedSampler } from "./samplers/distributed.ts";
export { RepeatedAugmentationSampler } from "./samplers/repeated-augmentation.ts";
export { RotatingSampler } from "./samplers/rotating.ts";
export { countOccurrences, type Sampler } from "./samplers/sampler.ts";
export { SubstitutingSampler } from "./samplers/substituting.ts";
export { classSampler, type Labeled, WeightedRandomSampler } from "./samplers/weighted.ts";
export { targets } from "./targets.ts";
export { WeightsError } from "./weights/errors.ts";
export { type FetchOptions, fetchWeights, whyNotFetched } from "./weights/fetch.ts";
export { parseSource } from "./weights/source.ts";
export { readStateDict } from "./weights/state-dict.ts";
