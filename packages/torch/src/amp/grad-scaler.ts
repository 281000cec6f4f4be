import { noGrad } from "../autograd/modes.ts";
import { TorchError } from "../errors.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** What the scaler needs of an optimizer. */
export interface ScaledOptimizer {
  readonly paramGroups: readonly { readonly params: readonly Tensor[] }[];
  step(): unknown;
}

export interface GradScalerOptions {
  readonly initScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps without an overflow. */
  readonly growthFactor?: number;
  /** What the scale is multiplied by after an overflow. */
  readonly backoffFactor?: number;
  readonly growthInterval?: number;
  readonly enabled?: boolean;
}

export interface GradScalerState {
  readonly scale: number;
  readonly growthFactor: number;
  readonly backoffFactor: number;
  readonly growthInterval: number;
  readonly growthTracker: number;
}

/**
 * Keeps float16 gradients from vanishing: multiplies the loss, divides the gradients, skips steps whose gradients
 * overflowed and then lowers the factor. Same rules and defaults as `torch.cuda.amp.GradScaler`.
 */
export class GradScaler {
  #scale: number;
  #growthFactor: number;
  #backoffFactor: number;
  #growthInterval: number;
  #growthTracker = 0;
  readonly #enabled: boolean;
  /** Optimizers unscaled since the last `update`, with whether an overflow was found. */
  readonly #unscaled = new Map<ScaledOptimizer, boolean>();

  constructor(options: GradScalerOptions = {}) {
    this.#scale = options.initScale ?? 65536;
    this.#growthFactor = options.growthFactor ?? 2;
    this.#backoffFactor = options.backoffFactor ?? 0.5;
    this.#growthInterval = options.growthInterval ?? 2000;
    this.#enabled = options.enabled ?? true;
  }

  isEnabled(): boolean {
    return this.#enabled;
  }

  getScale(): number {
    return this.#enabled ? this.#scale : 1;
  }

  /** The loss times the scale. */
  scale(loss: Tensor): Tensor {
    return this.#enabled ? loss.mul(this.#scale) : loss;
  }

  /** Divides an optimizer's gradients by the scale, in place, e.g. before clipping them. */
  unscale_(optimizer: ScaledOptimizer): void {
    if (!this.#enabled) return;
    if (this.#unscaled.has(optimizer)) {
      throw new TorchError({
        code: "torch/grad-scaler",
        what: "unscale_() was already called on this optimizer since the last update()",
      });
    }
    const finite = noGrad(() =>
      scope(() => {
        let good = true;
        for (const { params } of optimizer.paramGroups) {
          for (const { grad } of params) {
            if (grad === null) continue;
            // Divided in float32, as in PyTorch: the reciprocal of a large scale underflows in float16.
            if (grad.dtype === "float16") grad.copy_(grad.float().mul_(1 / this.#scale));
            else grad.mul_(1 / this.#scale);
            // Any NaN or infinity makes the sum one of them; an overflow of a finite sum only costs a skipped step.
            good &&= Number.isFinite(grad.sum(null, { dtype: "float32" }).item());
          }
        }
        return good;
      }),
    );
    this.#unscaled.set(optimizer, !finite);
  }

  /** Unscales if that was not done, then steps, unless a gradient is not finite. @returns whether it stepped */
  step(optimizer: ScaledOptimizer): boolean {
    if (!this.#enabled) {
      optimizer.step();
      return true;
    }
    if (!this.#unscaled.has(optimizer)) this.unscale_(optimizer);
    if (this.#unscaled.get(optimizer)) return false;
    optimizer.step();
    return true;
  }

  /** Adapts the scale to what happened since the last call. */
  update(newScale?: number): void {
    if (!this.#enabled) return;
    if (newScale !== undefined) this.#scale = newScale;
    else if ([...this.#unscaled.values()].includes(true)) {
      this.#scale *= this.#backoffFactor;
      this.#growthTracker = 0;
    } else if (++this.#growthTracker === this.#growthInterval) {
      this.#scale *= this.#growthFactor;
      this.#growthTracker = 0;
    }
    this.#unscaled.clear();
  }

  stateDict(): GradScalerState {
    return {
      scale: this.#scale,
      growthFactor: this.#growthFactor,
      backoffFactor: this.#backoffFactor,
      growthInterval: this.#growthInterval,
      growthTracker: this.#growthTracker,
    };
  }

  loadStateDict(state: GradScalerState): void {
    this.#scale = state.scale;
    this.#growthFactor = state.growthFactor;
    this.#backoffFactor = state.backoffFactor;
    this.#growthInterval = state.growthInterval;
    this.#growthTracker = state.growthTracker;
  }
}
