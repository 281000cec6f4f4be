export * from "./activation.ts";
export {
  type AttentionResult,
  MultiheadAttention,
  type MultiheadAttentionArguments,
  type MultiheadAttentionOptions,
} from "./attention.ts";
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions, convertSyncBatchNorm } from "./batch-norm.ts";
export { ModuleDict, ModuleList, Sequential, type TensorModule } from "./containers.ts";
export {
  Conv2d,
  type Conv2dOptions,
  ConvTranspose2d,
  type ConvTranspose2dOptions,
  type PaddingMode,
} from "./conv.ts";
export { Dropout, Dropout2d, StochasticDepth } from "./dropout.ts";
export type { StochasticDepthMode } from "./functional/dropout.ts";
export * as functional from "./functional/index.ts";
export type { Reduction } from "./functional/loss.ts";
export type { OutputSize2d, Size2d } from "./functional/size.ts";
export type { HookHandle } from "./hooks.ts";
export * as init from "./init.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export {
  describeMismatch,
  describeShapes,
  type LoadOptions,
  type LoadReport,
  type StateEntries,
  type StateMismatch,
} from "./load-state.ts";
export * from "./loss.ts";
export { type AnyModule, type ForwardHook, type ForwardPreHook, Module, type MoveOptions } from "./module.ts";
export { GroupNorm, LayerNorm, type LayerNormOptions } from "./norm.ts";
export { Parameter } from "./parameter.ts";
export { AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, MaxPool2d } from "./pooling.ts";
export { Flatten, Identity } from "./shape.ts";
export { SqueezeExcitation, type SqueezeExcitationOptions } from "./squeeze-excitation.ts";
export * as utils from "./utils.ts";
