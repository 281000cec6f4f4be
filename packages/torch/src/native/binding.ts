import type { DType } from "../tensor/dtype.ts";

declare const handleBrand: unique symbol;

/** A native tensor as JavaScript sees it: opaque, freed by `dispose` or by the garbage collector. */
export interface Handle {
  readonly [handleBrand]: true;
}

declare const generatorBrand: unique symbol;

/** A native source of random numbers; freed by the garbage collector. */
export interface GeneratorHandle {
  readonly [generatorBrand]: true;
}

export interface NativeArgument {
  readonly name: string;
  /** The type of the dispatcher, e.g. `Tensor?`, `int[]`. */
  readonly type: string;
  /** The type as declared, e.g. `ScalarType?` where `type` is `int?`. */
  readonly real: string;
  readonly fixedLength: number | null;
  readonly keywordOnly: boolean;
  readonly hasDefault: boolean;
  readonly default?: unknown;
}

export interface NativeReturn {
  readonly kind: "tensor" | "tensors" | "other";
  readonly type: string;
  /** The index of the argument that this result is (in-place and `out=` operators), or -1. */
  readonly aliasOf: number;
}

/** One overload of an operator. */
export interface NativeOperator {
  readonly index: number;
  readonly name: string;
  readonly overload: string;
  readonly text: string;
  readonly arguments: readonly NativeArgument[];
  readonly returns: readonly NativeReturn[];
}

declare const workBrand: unique symbol;

/** A collective operation that was begun. */
export interface Work {
  readonly [workBrand]: true;
}

/** Where the processes of a group meet, and who this one is. */
export interface GroupRequest {
  readonly host: string;
  readonly port: number;
  /** A file instead of a host and a port. */
  readonly file: string;
  readonly prefix: string;
  readonly isServer: boolean;
  readonly rank: number;
  readonly worldSize: number;
  readonly timeoutMs: number;
  /** Network interfaces for gloo; chosen by it when there are none. */
  readonly interfaces: readonly string[];
  readonly nccl: boolean;
}

/** What the addon exports (packages/torch/native/src). */
export interface Binding {
  overloads(name: string): readonly NativeOperator[];
  operator(name: string, overload: string): NativeOperator | null;
  operatorNames(): readonly string[];
  call(index: number, values: readonly unknown[]): unknown;

  shape(tensor: Handle): number[];
  strides(tensor: Handle): number[];
  dtype(tensor: Handle): DType;
  device(tensor: Handle): string;
  numel(tensor: Handle): number;
  elementSize(tensor: Handle): number;
  isContiguous(tensor: Handle, memoryFormat?: string): boolean;
  isSame(a: Handle, b: Handle): boolean;
  sharesStorage(a: Handle, b: Handle): boolean;
  dataPointer(tensor: Handle): number;
  version(tensor: Handle): number;
  item(tensor: Handle): number;
  fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: DType): Handle;
  copyBytes(tensor: Handle, into: Uint8Array): void;
  externalBytes(tensor: Handle): ArrayBuffer;
  copyTensors(tensors: readonly Handle[], into: Uint8Array, offsets: readonly number[]): void;
  useLargePages(memory: Uint8Array): void;
  /** A second handle of the same tensor. */
  alias(tensor: Handle): Handle;
  setData(tensor: Handle, data: Handle): void;
  dispose(tensor: Handle): boolean;
  emptyCache(): number;
  memoryStats(): { liveTensors: number; bytes: number };

  attachNode(
    inputs: readonly Handle[],
    outputs: readonly Handle[],
    differentiable: readonly boolean[],
    saved: readonly (Handle | null)[],
    backward: (gradients: (Handle | null)[], saved: (Handle | null)[]) => (Handle | null)[],
    name: string,
  ): Handle[];
  backward(
    tensors: readonly Handle[],
    gradients: readonly (Handle | null)[] | null,
    retainGraph: boolean,
    createGraph: boolean,
    inputs: readonly Handle[] | null,
    onHelperThread?: boolean,
  ): void;
  grad(
    outputs: readonly Handle[],
    inputs: readonly Handle[],
    gradients: readonly (Handle | null)[] | null,
    retainGraph: boolean,
    createGraph: boolean,
    allowUnused: boolean,
  ): (Handle | null)[];
  requiresGrad(tensor: Handle): boolean;
  setRequiresGrad(tensor: Handle, value: boolean): void;
  isLeaf(tensor: Handle): boolean;
  gradFnName(tensor: Handle): string | null;
  retainGrad(tensor: Handle): void;
  gradient(tensor: Handle, known: Handle | null): Handle | true | null;
  setGradient(tensor: Handle, gradient: Handle | null): void;
  registerHook(tensor: Handle, hook: (gradient: Handle) => Handle | null | undefined): number;
  removeHook(tensor: Handle, position: number): void;
  setAnomaly(enabled: boolean, checkNaN: boolean): void;

  isGradEnabled(): boolean;
  setGradEnabled(value: boolean): void;
  enterInferenceMode(value: boolean): void;
  leaveInferenceMode(): void;
  isInferenceMode(): boolean;
  enterAutocast(device: string, enabled: boolean, dtype: DType): [enabled: boolean, dtype: DType];
  leaveAutocast(device: string, enabled: boolean, dtype: DType): void;
  autocastState(device: string): [enabled: boolean, dtype: DType];
  manualSeed(seed: number | bigint): void;
  defaultGenerator(device: string): GeneratorHandle;
  newGenerator(device: string, seed: number | bigint): GeneratorHandle;
  generatorSeed(generator: GeneratorHandle, seed: number | bigint): void;
  generatorInitialSeed(generator: GeneratorHandle): bigint;
  generatorDevice(generator: GeneratorHandle): string;
  generatorState(generator: GeneratorHandle): Handle;
  setGeneratorState(generator: GeneratorHandle, state: Handle): void;
  getNumThreads(): number;
  setNumThreads(count: number): void;
  setDeterministic(enabled: boolean, warnOnly: boolean): void;
  setCudnnBenchmark(enabled: boolean): void;
  devices(): { cuda: number; mps: boolean };
  versionInfo(): { libtorch: string; config: string; parallel: string };

  /** The functions below are absent when this is empty. */
  distributedBackends(): readonly ("gloo" | "nccl")[];
  joinGroup?(request: GroupRequest, done: (error: string | null) => void): void;
  /** @param wait for operations that were begun, and return when the group is gone */
  /** The ranks at the meeting point so far; null when it cannot be reached yet. */
  arrivedRanks?(): readonly number[] | null;
  postProgress?(text: string): void;
  /** What each rank has posted; null when the meeting point does not answer. */
  readProgress?(): readonly string[] | null;
  leaveGroup?(wait: boolean): boolean;
  startCollective?(
    operation: string,
    inputs: readonly Handle[],
    outputs: readonly Handle[],
    detail: string | number | null,
  ): Work;
  /** Blocks for at most `ms`; whether it is done. */
  waitCollective?(work: Work, ms: number): boolean;
  onCollective?(work: Work, done: (error: string | null) => void): void;
}
