import { native } from "../native/load.ts";
import { type BackwardOptions, checkGradients } from "../tensor/autograd.ts";
import { type Tensor, withAutogradErrors, wrapOptional } from "../tensor/tensor.ts";

type OneOrMany = Tensor | readonly Tensor[];

function list(tensors: OneOrMany): readonly Tensor[] {
  return Array.isArray(tensors) ? (tensors as readonly Tensor[]) : [tensors as Tensor];
}

function handles(tensors: OneOrMany) {
  return list(tensors).map((tensor) => tensor.handle);
}

function gradientHandles(what: string, outputs: OneOrMany, gradients: Tensor | readonly (Tensor | null)[] | undefined) {
  if (gradients === undefined) return null;
  const given = Array.isArray(gradients) ? (gradients as readonly (Tensor | null)[]) : [gradients as Tensor];
  checkGradients(what, list(outputs), given);
  return given.map((gradient) => gradient?.handle ?? null);
}

/** Accumulates the gradients of several tensors at once into the leaves of their graph. */
export function backward(
  tensors: OneOrMany,
  gradients?: Tensor | readonly (Tensor | null)[],
  options: BackwardOptions = {},
): void {
  const { createGraph = false, retainGraph = createGraph, inputs } = options;
  withAutogradErrors("backward", () =>
    native.backward(
      handles(tensors),
      gradientHandles("backward", tensors, gradients),
      retainGraph,
      createGraph,
      inputs === undefined ? null : handles(inputs),
    ),
  );
}

export interface GradOptions extends Omit<BackwardOptions, "inputs"> {
  readonly gradOutputs?: Tensor | readonly (Tensor | null)[];
  /** Gives null for inputs that the outputs do not depend on, instead of throwing. */
  readonly allowUnused?: boolean;
}

/** The gradients of `outputs` with respect to `inputs`, without accumulating into `.grad`. */
export function grad(outputs: OneOrMany, inputs: OneOrMany, options: GradOptions = {}): (Tensor | null)[] {
  const { createGraph = false, retainGraph = createGraph, allowUnused = false, gradOutputs } = options;
  return withAutogradErrors("grad", () =>
    native
      .grad(
        handles(outputs),
        handles(inputs),
        gradientHandles("grad", outputs, gradOutputs),
        retainGraph,
        createGraph,
        allowUnused,
      )
      .map(wrapOptional),
  );
}
