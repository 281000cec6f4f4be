import { types } from "node:util";
import { TorchError } from "../errors.ts";
import type { Handle } from "../native/binding.ts";
import { native } from "../native/load.ts";
import { keep, scope, unscoped } from "../scope.ts";
import type { TensorCore } from "./core.ts";
import { DataTensor } from "./data.ts";
import { historyName } from "./history.ts";
import type { Tensor } from "./tensor.ts";
import { wrap } from "./wrap.ts";

export interface BackwardOptions {
  /** Keeps the graph for another pass. */
  readonly retainGraph?: boolean;
  /** Records the pass itself, for gradients of gradients. */
  readonly createGraph?: boolean;
  /** Accumulates into these only. */
  readonly inputs?: readonly TensorCore[];
}

/** Undoes a registration. */
export interface Removable {
  remove(): void;
}

/** Runs native autograd work, turning LibTorch's complaints into TorchErrors; what a hook threw passes through. */
export function withAutogradErrors<T>(what: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    if (!(types.isNativeError(error) && "native" in error)) throw error;
    throw new TorchError({ code: "torch/autograd", what: `${what}: ${error.message}`, cause: error });
  }
}

/** As Python's layer does: LibTorch would sum a gradient that is larger than its output. */
export function checkGradients(
  what: string,
  outputs: readonly TensorCore[],
  gradients: readonly (TensorCore | null)[] | null,
): void {
  if (gradients === null) return;
  if (gradients.length !== outputs.length) {
    throw autogradError(`${what}: expected ${outputs.length} gradients, received ${gradients.length}`);
  }
  for (const [i, output] of outputs.entries()) {
    const shape = gradients[i]?.shape;
    if (shape === undefined || String(shape) === String(output.shape)) continue;
    throw autogradError(
      `${what}: expected a gradient of the output's shape [${output.shape.join(", ")}], received [${shape.join(", ")}]`,
    );
  }
}

function autogradError(what: string): TorchError {
  return new TorchError({ code: "torch/autograd", what });
}

/** What autograd adds to a tensor. */
export class GradTensor extends DataTensor {
  #grad: Tensor | null = null;

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }
  set requiresGrad(value: boolean) {
    this.requiresGrad_(value);
  }

  requiresGrad_(value = true): this {
    withAutogradErrors("requiresGrad", () => native.setRequiresGrad(this.handle, value));
    return this;
  }

  /** True for tensors that were not computed from others that require a gradient. */
  get isLeaf(): boolean {
    return native.isLeaf(this.handle);
  }

  /** The name of the graph node that computed this tensor, e.g. `MulBackward0`; null for leaves. */
  get gradFn(): string | null {
    return historyName(this.handle);
  }

  /**
   * The accumulated gradient. It belongs to this tensor: scopes leave it alone, and it goes when it is replaced
   * (`grad = null`, `zeroGrad`); clone it to keep it for longer.
   */
  get grad(): Tensor | null {
    const known = this.#grad !== null && !this.#grad.isDisposed ? this.#grad : null;
    const found = native.gradient(this.handle, known === null ? null : known.handle);
    if (found === true) return known;
    known?.dispose();
    this.#grad = found === null ? null : unscoped(() => keep(wrap(found as Handle)));
    return this.#grad;
  }
  set grad(value: Tensor | null) {
    if (value?.isSame(this)) throw autogradError("grad: a tensor cannot be its own gradient");
    if (value !== null && value.dtype !== this.dtype) {
      throw autogradError(`grad: expected a gradient of ${this.dtype}, received ${value.dtype}`);
    }
    withAutogradErrors("grad", () => native.setGradient(this.handle, value === null ? null : value.handle));
    if (this.#grad !== null && this.#grad !== value) this.#grad.dispose();
    this.#grad = value === null ? null : keep(value);
  }

  override dispose(): void {
    this.#grad?.dispose();
    this.#grad = null;
    super.dispose();
  }

  /** Keeps the gradient of a tensor that is not a leaf. */
  retainGrad(): this {
    withAutogradErrors("retainGrad", () => native.retainGrad(this.handle));
    return this;
  }

  /**
   * Accumulates the gradients of this tensor into the leaves of its graph.
   *
   * @param gradient the gradient with respect to this tensor; may be left out for a single element
   */
  backward(gradient: TensorCore | null = null, options: BackwardOptions = {}): void {
    const { createGraph = false, retainGraph = createGraph, inputs } = options;
    checkGradients("backward", [this], gradient === null ? null : [gradient]);
    withAutogradErrors("backward", () =>
      native.backward(
        [this.handle],
        gradient === null ? null : [gradient.handle],
        retainGraph,
        createGraph,
        inputs === undefined ? null : inputs.map((input) => input.handle),
      ),
    );
  }

  /**
   * Calls `hook` with each gradient computed for this tensor; what it returns, if anything, takes its place.
   * The gradient is freed after the hook: clone it to keep it.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks returns nothing
  registerHook(hook: (gradient: Tensor) => Tensor | undefined | null | void): Removable {
    const position = withAutogradErrors("registerHook", () =>
      native.registerHook(this.handle, (handle) => {
        let replacement: Handle | null = null;
        scope(() => {
          const result = hook(wrap(handle));
          if (result !== undefined && result !== null) replacement = result.detachHandle();
        });
        return replacement;
      }),
    );
    return {
      remove: () => {
        if (!this.isDisposed) native.removeHook(this.handle, position);
      },
    };
  }

  /**
   * Puts the memory of another tensor (its dtype, device and layout too) behind this one, which stays the same object
   * for modules and optimizers.
   */
  setData(data: TensorCore): void {
    withAutogradErrors("setData", () => native.setData(this.handle, data.handle));
  }

  /** A second handle of the same native tensor, graph included, for giving it away. */
  detachHandle(): Handle {
    return native.alias(this.handle);
  }
}
