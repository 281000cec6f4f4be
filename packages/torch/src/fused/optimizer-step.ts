import { bind } from "../ops/dispatch.ts";
import { keep } from "../scope.ts";
import { emptyLike } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fusedKernelsEnabled } from "./switch.ts";

const adamStep_ = bind<void>("ct::adam_step");
const sgdStep_ = bind<void>("ct::sgd_step");
const gradNorm_ = bind<number>("ct::grad_norm");
const scale_ = bind<void>("ct::scale_gradients");

/** What the fused steps share. */
interface StepOptions {
  /** Multiplied into the gradients as they are read: 1 / loss scale, times the clip coefficient. 1 when left out. */
  readonly gradScale?: number;
  /** Moving averages of the parameters, `ema = emaDecay * ema + (1 - emaDecay) * param`, updated in the same pass. */
  readonly ema?: readonly Tensor[];
  readonly emaDecay?: number;
}

export interface AdamStep extends StepOptions {
  /** Parameters of one group, float32 on the CPU, with their gradients and states in the same order. */
  readonly params: readonly Tensor[];
  readonly grads: readonly Tensor[];
  readonly expAvgs: readonly Tensor[];
  readonly expAvgSqs: readonly Tensor[];
  /** The number of this step, from 1. */
  readonly step: number;
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly eps: number;
  readonly weightDecay: number;
  /** AdamW's weight decay (true), or Adam's, which goes through the gradient. */
  readonly decoupled: boolean;
}

export interface SgdStep extends StepOptions {
  readonly params: readonly Tensor[];
  readonly grads: readonly Tensor[];
  /** Empty without momentum. */
  readonly momentumBuffers: readonly Tensor[];
  /** The buffers have no value yet. */
  readonly firstStep: boolean;
  readonly lr: number;
  readonly momentum: number;
  readonly dampening: number;
  readonly weightDecay: number;
  readonly nesterov: boolean;
}

/** Whether the fused steps take these parameters, or gradients: switched on, all float32 and dense on the CPU. */
export function canFuseStep(tensors: readonly Tensor[]): boolean {
  return fusedKernelsEnabled() && tensors.every((t) => t.dtype === "float32" && t.device === "cpu" && isDense(t));
}

function isDense(tensor: Tensor): boolean {
  return tensor.isContiguous() || tensor.isContiguous("channels_last");
}

/**
 * One step of Adam or AdamW over all parameters of a group in a single pass over memory (unscale, clip factor, moments,
 * update, EMA). Formulas and rounding as in torch.optim. States must have their parameter's strides (`zerosLike`).
 */
export function adamwStep(options: AdamStep): void {
  const { params, grads, expAvgs, expAvgSqs, step, lr, betas, eps, weightDecay, decoupled } = options;
  const { gradScale = 1, ema = [], emaDecay = 0 } = options;
  const [beta1, beta2] = betas;
  adamStep_(
    params,
    grads,
    expAvgs,
    expAvgSqs,
    step,
    lr,
    beta1,
    beta2,
    eps,
    weightDecay,
    decoupled,
    gradScale,
    ema,
    emaDecay,
  );
}

/** One step of SGD over all parameters of a group in a single pass over memory. */
export function sgdStep(options: SgdStep): void {
  const { params, grads, momentumBuffers, firstStep, lr, momentum, dampening, weightDecay, nesterov } = options;
  const { gradScale = 1, ema = [], emaDecay = 0 } = options;
  sgdStep_(
    params,
    grads,
    momentumBuffers,
    firstStep,
    lr,
    momentum,
    dampening,
    weightDecay,
    nesterov,
    gradScale,
    ema,
    emaDecay,
  );
}

/** The 2-norm of all gradients together, in one pass; float32 on the CPU. */
export function gradNorm(grads: readonly Tensor[]): number {
  return gradNorm_(grads);
}

/** Multiplies all gradients by a factor, in place. */
export function scaleGradients(grads: readonly Tensor[], factor: number): void {
  scale_(grads, factor);
}

/**
 * A state tensor in the memory layout of its parameter, which the fused steps need: itself, or a kept copy when the
 * layout differs (a state loaded from a file, a parameter that became channels-last).
 */
export function laidOutLike(state: Tensor, param: Tensor): Tensor {
  const strides = param.strides;
  if (state.strides.every((stride, i) => stride === strides[i])) return state;
  const copy = keep(emptyLike(param.detach()).copy_(state));
  state.dispose();
  return copy;
}
