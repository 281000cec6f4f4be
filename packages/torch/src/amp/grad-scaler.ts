import { noGrad } from "../autograd/modes.ts";
import { TorchError } from "../errors.ts";
import { bind } from "../ops/dispatch.ts";
import { describe, numberIn, plainState } from "../optim/state.ts";
import { scope } from "../scope.ts";
import { tensor, zeros } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Divides by the scale and notes what is not finite, in one pass; CPUs have it from LibTorch 2.3 on. */
const unscaleAll_ = bind("aten::_amp_foreach_non_finite_check_and_unscale_");

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

/** What happened to an optimizer since the last `update`. */
interface Progress {
  readonly overflowed: boolean;
  stepped: boolean;
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
  /** Optimizers unscaled since the last `update`. */
  readonly #progress = new Map<ScaledOptimizer, Progress>();

  /** @throws TorchError for factors that would not grow, or not shrink, the scale */
  constructor(options: GradScalerOptions = {}) {
    this.#scale = options.initScale ?? 65536;
    this.#growthFactor = options.growthFactor ?? 2;
    this.#backoffFactor = options.backoffFactor ?? 0.5;
    this.#growthInterval = options.growthInterval ?? 2000;
    this.#enabled = options.enabled ?? true;
    if (this.#growthFactor <= 1)
      throw scalerError(`growthFactor: expected more than 1, received ${this.#growthFactor}`);
    if (this.#backoffFactor >= 1)
      throw scalerError(`backoffFactor: expected less than 1, received ${this.#backoffFactor}`);
  }

  isEnabled(): boolean {
    return this.#enabled;
  }

  getScale(): number {
    return this.#enabled ? this.#scale : 1;
  }

  /** The loss, or each of several, times the scale. */
  scale(loss: Tensor): Tensor;
  scale(losses: readonly Tensor[]): Tensor[];
  scale(losses: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    const one = (loss: Tensor) => (this.#enabled ? loss.mul(this.#scale) : loss);
    return Array.isArray(losses) ? losses.map(one) : one(losses as Tensor);
  }

  /**
   * Divides an optimizer's gradients by the scale, in place, e.g. before clipping them.
   * @throws TorchError when it was done since the last `update`, or after `step`
   */
  unscale_(optimizer: ScaledOptimizer): void {
    if (!this.#enabled) return;
    const progress = this.#progress.get(optimizer);
    if (progress?.stepped) throw scalerError("unscale_() is called after step()", "unscale, clip, then step");
    if (progress) throw scalerError("unscale_() was already called on this optimizer since the last update()");
    const gradients = optimizer.paramGroups.flatMap(({ params }) => params.flatMap(({ grad }) => grad ?? []));
    const overflowed = scope(() => noGrad(() => unscale(gradients, 1 / this.#scale)));
    this.#progress.set(optimizer, { overflowed, stepped: false });
  }

  /**
   * Unscales if that was not done, then steps, unless a gradient is not finite.
   * @returns whether it stepped
   * @throws TorchError when it stepped already since the last `update`
   */
  step(optimizer: ScaledOptimizer): boolean {
    if (!this.#enabled) {
      optimizer.step();
      return true;
    }
    if (!this.#progress.has(optimizer)) this.unscale_(optimizer);
    const progress = this.#progress.get(optimizer) as Progress;
    if (progress.stepped) {
      throw scalerError("step() was already called on this optimizer since the last update()", "call update() between");
    }
    progress.stepped = true;
    if (progress.overflowed) return false;
    optimizer.step();
    return true;
  }

  /**
   * Adapts the scale to what happened since the last call.
   * @throws TorchError when no optimizer was unscaled or stepped since: there is nothing to judge by
   */
  update(newScale?: number): void {
    if (!this.#enabled) return;
    if (newScale !== undefined) this.#scale = newScale;
    else if (this.#progress.size === 0) {
      throw scalerError("update() needs a step() since the last one", "call step(optimizer) before update()");
    } else if ([...this.#progress.values()].some(({ overflowed }) => overflowed)) {
      this.#scale *= this.#backoffFactor;
      this.#growthTracker = 0;
    } else if (++this.#growthTracker === this.#growthInterval) {
      // As in PyTorch, a scale that float32 cannot hold does not grow.
      const grown = Math.fround(this.#scale * this.#growthFactor);
      if (Number.isFinite(grown)) this.#scale = grown;
      this.#growthTracker = 0;
    }
    this.#progress.clear();
  }

  /** Empty when the scaler is disabled. */
  stateDict(): GradScalerState | Record<string, never> {
    if (!this.#enabled) return {};
    return {
      scale: this.#scale,
      growthFactor: this.#growthFactor,
      backoffFactor: this.#backoffFactor,
      growthInterval: this.#growthInterval,
      growthTracker: this.#growthTracker,
    };
  }

  /**
   * Takes the state of another scaler, PyTorch's (`growth_factor`, `_growth_tracker`) too; a disabled scaler ignores it.
   * @throws TorchError when it is empty, or not the state of a scaler
   */
  loadStateDict(state: unknown): void {
    if (!this.#enabled) return;
    const given = plainState(state);
    if (Object.keys(given).length === 0) {
      throw scalerError("the state is empty", "it may come from a scaler that was disabled: start without its state");
    }
    const read = (key: keyof GradScalerState, isValid: (value: number) => boolean): number => {
      const value = numberIn(given[key]);
      if (value !== undefined && Number.isFinite(value) && isValid(value)) return value;
      throw scalerError(
        `the state's ${key} is ${describe(given[key])}`,
        `the keys of a scaler's state are ${Object.keys(this.stateDict()).join(", ")}: start without it`,
      );
    };
    const scale = read("scale", (value) => value > 0);
    const growthFactor = read("growthFactor", (value) => value > 1);
    const backoffFactor = read("backoffFactor", (value) => value > 0 && value < 1);
    const growthInterval = read("growthInterval", (value) => value >= 1);
    this.#growthTracker = read("growthTracker", (value) => value >= 0);
    this.#scale = scale;
    this.#growthFactor = growthFactor;
    this.#backoffFactor = backoffFactor;
    this.#growthInterval = growthInterval;
  }
}

function scalerError(what: string, fix?: string): TorchError {
  return new TorchError({ code: "torch/grad-scaler", what: `GradScaler: ${what}`, fix });
}

/** Multiplies in place. @returns whether any element was not finite; read once a device, however many gradients */
function unscale(gradients: readonly Tensor[], factor: number): boolean {
  let overflowed = false;
  for (const device of new Set(gradients.map((gradient) => gradient.device))) {
    const all = gradients.filter((gradient) => gradient.device === device);
    const found = zeros([1], { device });
    if (device === "cpu") for (const gradient of all) unscaleOne(gradient, factor, found);
    else unscaleOnDevice(all, factor, found, device);
    overflowed ||= found.item() !== 0;
  }
  return overflowed;
}

/** One kernel for the gradients of each dtype, as the operator wants them. */
function unscaleOnDevice(gradients: readonly Tensor[], factor: number, found: Tensor, device: string): void {
  const inverse = tensor([factor], { device });
  for (const dtype of new Set(gradients.map((gradient) => gradient.dtype))) {
    unscaleAll_(
      gradients.filter((gradient) => gradient.dtype === dtype),
      found,
      inverse,
    );
  }
}

function unscaleOne(gradient: Tensor, factor: number, found: Tensor): void {
  found.add_(gradient.isfinite().all().logicalNot());
  // In float32, as in PyTorch: the reciprocal of a large scale underflows in float16.
  if (gradient.dtype === "float16") gradient.copy_(gradient.float().mul_(factor));
  else gradient.mul_(factor);
}
