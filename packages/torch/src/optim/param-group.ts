import type { Tensor } from "../tensor/tensor.ts";

/** Parameters that share their options. Optimizers add their own options (`momentum`, `betas`, ...). */
export interface ParamGroup {
  params: Tensor[];
  lr: number;
  /** Set by the first scheduler: the rate that schedules start from. */
  initialLr?: number;
  weightDecay?: number;
  momentum?: number;
  betas?: readonly number[];
  [option: string]: unknown;
}
