import "./tensor/methods.ts";

export { autocast } from "./amp/autocast.ts";
export * as amp from "./amp/index.ts";
export * as autograd from "./autograd/index.ts";
export {
  enableGrad,
  inferenceMode,
  isGradEnabled,
  isInferenceMode,
  noGrad,
} from "./autograd/modes.ts";
export {
  cudaDeviceCount,
  cudaIsAvailable,
  emptyCache,
  getNumThreads,
  memoryStats,
  mpsIsAvailable,
  setCudnnBenchmark,
  setNumThreads,
  useDeterministicAlgorithms,
  version,
  versionInfo,
} from "./device.ts";
export * as distributed from "./distributed/index.ts";
export { DisposedError, TorchError } from "./errors.ts";
export * as fused from "./fused/index.ts";
export { setFusedKernels } from "./fused/switch.ts";
export { type BuildInfo, buildInfo } from "./native/load.ts";
export * as nn from "./nn/index.ts";
export { ops } from "./ops/index.ts";
export {
  isRecording,
  record,
  recordedCalls,
  type Trace,
  type TracedArgument,
  type TracedCall,
  type TracedValue,
} from "./ops/record.ts";
export type { Keywords, OperatorFunction } from "./ops/resolve.ts";
export * as optim from "./optim/index.ts";
export { OtherProcessCpuLoad, processorCount } from "./other-process-cpu-load.ts";
export { Generator, getRngState, manualSeed, setRngState } from "./random.ts";
export { keep, scope, unscoped } from "./scope.ts";
export * as serialization from "./serialization/index.ts";
export { targets } from "./targets.ts";
export type { BackwardOptions, Removable } from "./tensor/autograd.ts";
export { copyTensors, type Destination, sharedMemory } from "./tensor/copy-out.ts";
export {
  arange,
  bernoulli,
  type EmptyOptions,
  empty,
  emptyLike,
  eye,
  full,
  fullLike,
  linspace,
  logspace,
  meshgrid,
  multinomial,
  ones,
  onesLike,
  type RandomOptions,
  rand,
  randint,
  randLike,
  randn,
  randnLike,
  randperm,
  type Shape,
  tensor,
  zeros,
  zerosLike,
} from "./tensor/create.ts";
export {
  type Device,
  type DType,
  dtypes,
  isFloatingPoint,
  type MemoryFormat,
  type TypedArray,
} from "./tensor/dtype.ts";
export { fromBuffer, fromTypedArray } from "./tensor/from-memory.ts";
export { type Index, Slice, slice } from "./tensor/indexing.ts";
export { einsum } from "./tensor/matmul.ts";
export type { Nested, TensorOptions } from "./tensor/nested.ts";
export type { QuantileOptions, Unique, UniqueOptions } from "./tensor/order.ts";
export { type Closeness, type Operand, where } from "./tensor/pointwise.ts";
export type { Dims, Indexed } from "./tensor/reduce.ts";
export type { IndexTensors } from "./tensor/scatter.ts";
export { Tensor } from "./tensor/tensor.ts";
export {
  concatenate as cat,
  horizontally as hstack,
  type Placement,
  stackTensors as stack,
  vertically as vstack,
} from "./tensor/views.ts";
export { governor, ThreadGovernor, type ThreadGovernorOptions } from "./thread-governor.ts";
