import { TorchError } from "./errors.ts";

/** What a scope needs of a tensor. */
export interface Scoped {
  /** True when no scope may free it: parameters, buffers, gradients, whatever `keep` exempted. */
  kept: boolean;
  readonly isDisposed: boolean;
  dispose(): void;
}

let current: Scoped[] | null = null;

/** Puts a new tensor under the innermost open scope. */
export function own(tensor: Scoped): void {
  if (current !== null) current.push(tensor);
}

/** Exempts a tensor from all scopes: it lives until `dispose`, or until the garbage collector finds it. */
export function keep<T extends Scoped>(tensor: T): T {
  tensor.kept = true;
  return tensor;
}

/** Runs `fn` outside of all scopes: what it makes is freed by its user (or the garbage collector) only. */
export function unscoped<T>(fn: () => T): T {
  const outer = current;
  current = null;
  try {
    return fn();
  } finally {
    current = outer;
  }
}

/**
 * Runs `fn` and frees every tensor made inside, on a throw too, except those reachable from what it returns (a tensor,
 * arrays, plain objects, Maps and Sets): these move to the enclosing scope, if there is one. Synchronous only.
 *
 * @throws TorchError if `fn` returns a promise: tensors of other tasks would be freed in between
 */
export function scope<T>(fn: () => T): T {
  const outer = current;
  const members: Scoped[] = [];
  current = members;
  let survivors: Set<unknown> | undefined;
  try {
    const result = fn();
    if (isThenable(result)) {
      throw new TorchError({
        code: "torch/async-scope",
        what: "scope(fn) needs a synchronous function, and this one returned a promise",
        fix: "await first and open the scope around the tensor work only, or hold tensors across the await with `using`",
      });
    }
    survivors = new Set();
    collect(result, survivors, new Set());
    return result;
  } finally {
    current = outer;
    for (const tensor of members) {
      if (tensor.kept || tensor.isDisposed) continue;
      if (survivors?.has(tensor)) outer?.push(tensor);
      else tensor.dispose();
    }
  }
}

export function isThenable(value: unknown): boolean {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

/** Finds the tensors in a value: they are the objects that a scope could own. */
function collect(value: unknown, found: Set<unknown>, seen: Set<unknown>): void {
  if (typeof value !== "object" || value === null || seen.has(value)) return;
  seen.add(value);
  if ("isDisposed" in value && "kept" in value) {
    found.add(value);
  } else if (Array.isArray(value) || value instanceof Set) {
    for (const element of value) collect(element, found, seen);
  } else if (value instanceof Map) {
    for (const element of value.values()) collect(element, found, seen);
  } else {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return;
    for (const element of Object.values(value)) collect(element, found, seen);
  }
}
