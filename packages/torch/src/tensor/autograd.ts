import type { Handle } from "../native/binding.ts";
import { native } from "../native/load.ts";
import { scope } from "../scope.ts";
import { autogradError, Tensor, withAutogradErrors } from "./tensor.ts";

export interface BackwardOptions {
  /** Keeps the graph for another pass. */
  readonly retainGraph?: boolean;
  /** Records the pass itself, for gradients of gradients. */
  readonly createGraph?: boolean;
  /** Accumulates into these only. */
  readonly inputs?: readonly Tensor[];
}

/** Undoes a registration. */
export interface Removable {
  remove(): void;
}

/** As Python's layer does: LibTorch would sum a gradient that is larger than its output. */
export function checkGradients(
  what: string,
  outputs: readonly Tensor[],
  gradients: readonly (Tensor | null)[] | null,
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

/** What autograd adds to a tensor. */
export const autograd = {
  requiresGrad_(self: Tensor, value = true): Tensor {
    self.requiresGrad = value;
    return self;
  },

  /** Keeps the gradient of a tensor that is not a leaf. */
  retainGrad(self: Tensor): Tensor {
    withAutogradErrors("retainGrad", () => native.retainGrad(self.handle));
    return self;
  },

  /**
   * Accumulates the gradients of this tensor into the leaves of its graph.
   *
   * @param gradient the gradient with respect to this tensor; may be left out for a single element
   */
  backward(self: Tensor, gradient: Tensor | null = null, options: BackwardOptions = {}): void {
    const { createGraph = false, retainGraph = createGraph, inputs } = options;
    checkGradients("backward", [self], gradient === null ? null : [gradient]);
    withAutogradErrors("backward", () =>
      native.backward(
        [self.handle],
        gradient === null ? null : [gradient.handle],
        retainGraph,
        createGraph,
        inputs === undefined ? null : inputs.map((input) => input.handle),
      ),
    );
  },

  /**
   * Calls `hook` with each gradient computed for this tensor; what it returns, if anything, takes its place.
   * The gradient is freed after the hook: clone it to keep it.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks returns nothing
  registerHook(self: Tensor, hook: (gradient: Tensor) => Tensor | undefined | null | void): Removable {
    const position = withAutogradErrors("registerHook", () =>
      native.registerHook(self.handle, (handle) => {
        let replacement: Handle | null = null;
        scope(() => {
          const result = hook(new Tensor(handle));
          if (result !== undefined && result !== null) replacement = result.detachHandle();
        });
        return replacement;
      }),
    );
    return {
      remove: () => {
        if (!self.isDisposed) native.removeHook(self.handle, position);
      },
    };
  },

  /**
   * Puts the memory of another tensor (its dtype, device and layout too) behind this one, which stays the same object
   * for modules and optimizers.
   */
  setData(self: Tensor, data: Tensor): void {
    withAutogradErrors("setData", () => native.setData(self.handle, data.handle));
  },
};
