import { noGrad } from "../autograd/modes.ts";
import { canFuseStep, gradNorm, scaleGradients } from "../fused/optimizer-step.ts";
import { bind } from "../ops/dispatch.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { stackTensors } from "../tensor/views.ts";
import { nnError } from "./errors.ts";

const vectorNorm = bind("aten::linalg_vector_norm");

export interface ClipGradNormOptions {
  /** 2 is Euclid's, Infinity the largest absolute value. */
  readonly normType?: number;
  /** Throws when the norm is not finite, instead of spreading it. */
  readonly errorIfNonfinite?: boolean;
}

/** The norm of all tensors taken as one vector; no dimensions. */
export function getTotalNorm(tensors: readonly Tensor[], normType = 2): Tensor {
  const [first] = tensors;
  if (first === undefined) throw nnError("getTotalNorm: no tensors are given");
  return noGrad(() => {
    const norms = tensors.map((tensor) => vectorNorm(tensor, normType).to({ device: first.device }));
    return vectorNorm(stackTensors(norms), normType);
  });
}

/**
 * Scales all gradients by `min(1, maxNorm / (norm + 1e-6))`, where `norm` is that of all of them taken as one vector.
 * @returns the norm before
 */
export function clipGradNorm_(
  parameters: Iterable<Tensor>,
  maxNorm: number,
  { normType = 2, errorIfNonfinite = false }: ClipGradNormOptions = {},
): number {
  const gradients = gradientsOf(parameters);
  if (gradients.length === 0) return 0;
  if (normType === 2 && canFuseStep(gradients)) {
    const norm = gradientNorm(gradients);
    if (errorIfNonfinite) refuseNonFinite(norm);
    const factor = maxNorm / (norm + 1e-6);
    // Not `factor < 1`: a NaN norm must propagate, as in PyTorch.
    if (!(factor >= 1)) scaleGradients(gradients, factor);
    return norm;
  }
  return scope(() => {
    const norm = getTotalNorm(gradients, normType);
    const value = norm.item();
    if (errorIfNonfinite) refuseNonFinite(value);
    noGrad(() => {
      const factor = norm.add(1e-6).reciprocal().mul(maxNorm).clamp_(null, 1);
      for (const gradient of gradients) gradient.mul_(factor.to({ device: gradient.device, dtype: gradient.dtype }));
    });
    return value;
  });
}

/** Euclid's norm of all gradients taken as one vector, as a number. */
export function gradientNorm(gradients: readonly Tensor[]): number {
  return canFuseStep(gradients) ? gradNorm(gradients) : scope(() => getTotalNorm(gradients).item());
}

function refuseNonFinite(norm: number): void {
  if (Number.isFinite(norm)) return;
  throw nnError(`clipGradNorm_: the norm of the gradients is ${norm}`, "skip the step, or lower the learning rate");
}

/** Limits each element of the gradients to [-clipValue, clipValue]. */
export function clipGradValue_(parameters: Iterable<Tensor>, clipValue: number): void {
  noGrad(() => {
    for (const gradient of gradientsOf(parameters)) gradient.clamp_(-clipValue, clipValue);
  });
}

function gradientsOf(parameters: Iterable<Tensor>): Tensor[] {
  return [...parameters].flatMap((parameter) => parameter.grad ?? []);
}
