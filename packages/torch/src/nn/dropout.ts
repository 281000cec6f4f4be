import type { Tensor } from "../tensor/tensor.ts";
import {
  checkProbability,
  dropout,
  dropout2d,
  type StochasticDepthMode,
  stochasticDepth,
} from "./functional/dropout.ts";
import { Module } from "./module.ts";

/** Zeroes single elements with probability `p` in training. */
export class Dropout extends Module {
  readonly p: number;
  readonly inplace: boolean;

  constructor({ p = 0.5, inplace = false }: { readonly p?: number; readonly inplace?: boolean } = {}) {
    super();
    checkProbability(new.target.name, p);
    this.p = p;
    this.inplace = inplace;
  }

  override forward(input: Tensor): Tensor {
    return dropout(input, this);
  }

  override extraRepr(): string {
    return `p=${this.p}`;
  }
}

/** Zeroes whole channels of [N, C, H, W] with probability `p` in training. */
export class Dropout2d extends Dropout {
  override forward(input: Tensor): Tensor {
    return dropout2d(input, this);
  }
}

/** Drops a residual branch for whole samples (`row`) or for the batch (`batch`) with probability `p` in training. */
export class StochasticDepth extends Module {
  readonly p: number;
  readonly mode: StochasticDepthMode;

  constructor(p: number, mode: StochasticDepthMode) {
    super();
    checkProbability("StochasticDepth", p);
    this.p = p;
    this.mode = mode;
  }

  override forward(input: Tensor): Tensor {
    return stochasticDepth(input, this.p, this.mode, this);
  }

  override extraRepr(): string {
    return `p=${this.p}, mode=${this.mode}`;
  }
}
