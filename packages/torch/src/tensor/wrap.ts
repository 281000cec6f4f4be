import type { Handle } from "../native/binding.ts";
import type { Tensor } from "./tensor.ts";

// The methods of Tensor need operators, and operators make Tensors: the class registers itself here once it exists.
let make: (handle: Handle) => Tensor;

export function setTensorClass(tensorClass: new (handle: Handle) => Tensor): void {
  make = (handle) => new tensorClass(handle);
}

/** The Tensor of a handle that nothing wraps yet; owned by the innermost scope. */
export function wrap(handle: Handle): Tensor {
  return make(handle);
}

export function wrapOptional(handle: Handle | null): Tensor | null {
  return handle === null ? null : make(handle);
}
