import type { Handle } from "../native/binding.ts";
import { native } from "../native/load.ts";

/**
 * The name of the graph node that computed a tensor, null for a leaf. Nodes of this package's own kernels, which C++ names
 * by their template, get the form of the others: `MaxPool2dBackward`.
 */
export function historyName(tensor: Handle): string | null {
  const name = native.gradFnName(tensor);
  const own = /CppNode<.*::(\w+)>$/.exec(name ?? "");
  return own === null ? name : `${own[1]}Backward`;
}
