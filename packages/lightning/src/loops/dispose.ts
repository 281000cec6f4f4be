import { Tensor } from "@classifier-training/torch";
import { disposeBatch } from "../data/batch-loader.ts";

/** Frees the tensors of a step's outputs: plain records and arrays of them. What was `keep`t stays. */
export function disposeOutputs(value: unknown): void {
  if (value instanceof Tensor) {
    if (!value.kept && !value.isDisposed) value.dispose();
  } else if (Array.isArray(value)) for (const item of value) disposeOutputs(item);
  else if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    for (const item of Object.values(value)) disposeOutputs(item);
  }
}

/** Frees a batch, and what its way to the device made of it. */
export function disposeTransferred(original: unknown, transferred: unknown): void {
  if (transferred !== original && typeof transferred === "object" && transferred !== null) {
    const kept = new Set(tensorsOf(original));
    for (const tensor of tensorsOf(transferred)) if (!kept.has(tensor) && !tensor.isDisposed) tensor.dispose();
  }
  disposeBatch(original);
}

function tensorsOf(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return [];
  return Object.values(value).flatMap((item) => (item instanceof Tensor ? [item] : []));
}
