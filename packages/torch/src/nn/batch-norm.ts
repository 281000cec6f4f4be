import { ones, zeros } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { nnError } from "./errors.ts";
import { batchNorm } from "./functional/norm.ts";
import { ones_, zeros_ } from "./init.ts";
import { type AnyModule, Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface BatchNormOptions {
  readonly eps?: number;
  /** Share of the batch's statistics in the running ones; null takes the mean over all batches so far. */
  readonly momentum?: number | null;
  /** Whether there are a weight and a bias. */
  readonly affine?: boolean;
  /** Whether running statistics are kept; without them the batch's own serve in evaluation too. */
  readonly trackRunningStats?: boolean;
}

/** Normalizes each channel by the statistics of the batch in training, and by running ones in evaluation. */
abstract class BatchNorm extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly trackRunningStats: boolean;
  /** Whether training of several ranks normalizes by the batches of all of them: see `convertSyncBatchNorm`. */
  synchronized = false;
  /** [C], like the other three. */
  weight: Parameter | null;
  bias: Parameter | null;
  // A property's name is its key in the state dictionary, and these keys are PyTorch's.
  declare running_mean: Tensor | null;
  declare running_var: Tensor | null;
  /** int64, no dimensions */
  declare num_batches_tracked: Tensor | null;

  constructor(numFeatures: number, options: BatchNormOptions = {}) {
    super();
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.trackRunningStats = trackRunningStats;
    this.weight = affine ? new Parameter(ones([numFeatures])) : null;
    this.bias = affine ? new Parameter(zeros([numFeatures])) : null;
    this.registerBuffer("running_mean", trackRunningStats ? zeros([numFeatures]) : null);
    this.registerBuffer("running_var", trackRunningStats ? ones([numFeatures]) : null);
    this.registerBuffer("num_batches_tracked", trackRunningStats ? zeros([], { dtype: "int64" }) : null);
  }

  resetParameters(): void {
    this.resetRunningStats();
    if (this.weight) ones_(this.weight);
    if (this.bias) zeros_(this.bias);
  }

  resetRunningStats(): void {
    this.running_mean?.zero_();
    this.running_var?.fill_(1);
    this.num_batches_tracked?.zero_();
  }

  /** Whether the next call normalizes by the statistics of the batch. */
  get usesBatchStatistics(): boolean {
    return this.training || this.running_mean === null;
  }

  /** Counts a batch in training, and returns its weight in the running statistics. */
  countBatch(): number {
    if (!this.training || this.num_batches_tracked === null) return this.momentum ?? 0;
    this.num_batches_tracked.add_(1);
    return this.momentum ?? 1 / this.num_batches_tracked.item();
  }

  override forward(input: Tensor): Tensor {
    this.checkInput(input);
    const { weight, bias, eps, running_mean: runningMean, running_var: runningVar } = this;
    const training = this.usesBatchStatistics;
    const synchronized = this.synchronized && this.training;
    const momentum = this.countBatch();
    return batchNorm(input, { runningMean, runningVar, weight, bias, training, momentum, eps, synchronized });
  }

  /** Versions of PyTorch before 0.4.1 did not save it. */
  override optionalStateKeys(): readonly string[] {
    return ["num_batches_tracked"];
  }

  override extraRepr(): string {
    const { numFeatures, eps, momentum, trackRunningStats } = this;
    return `${numFeatures}, eps=${eps}, momentum=${momentum}, affine=${this.weight !== null}, track_running_stats=${trackRunningStats}`;
  }

  protected abstract checkInput(input: Tensor): void;
}

/** Batch normalization of images. Input and output [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  protected override checkInput(input: Tensor): void {
    if (input.ndim === 4) return;
    throw nnError(`BatchNorm2d: expected an input [N, C, H, W], received [${input.shape.join(", ")}]`);
  }
}

/** Batch normalization of features. Input and output [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  protected override checkInput(input: Tensor): void {
    if (input.ndim === 2 || input.ndim === 3) return;
    throw nnError(`BatchNorm1d: expected an input [N, C] or [N, C, L], received [${input.shape.join(", ")}]`);
  }
}

/**
 * Has all batch norms of a module normalize by the batches of all ranks in training: PyTorch's
 * `SyncBatchNorm.convert_sync_batchnorm`, but the modules stay the same ones. Without other ranks nothing changes.
 */
export function convertSyncBatchNorm(module: AnyModule): void {
  for (const part of module.modules()) if (part instanceof BatchNorm) part.synchronized = true;
}
