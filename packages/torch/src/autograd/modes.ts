import { TorchError } from "../errors.ts";
import { native } from "../native/load.ts";
import { isThenable } from "../scope.ts";

/** Modes belong to the thread: a function that returns a promise would leave with its work still to be done. */
export function synchronous<T>(what: string, result: T): T {
  if (isThenable(result)) {
    throw new TorchError({
      code: "torch/async-mode",
      what: `${what}(fn) needs a synchronous function, and this one returned a promise`,
      fix: `await first, and call ${what} around the tensor work only`,
    });
  }
  return result;
}

export function isGradEnabled(): boolean {
  return native.isGradEnabled();
}

function withGradMode<T>(what: string, enabled: boolean, fn: () => T): T {
  const previous = native.isGradEnabled();
  native.setGradEnabled(enabled);
  try {
    return synchronous(what, fn());
  } finally {
    native.setGradEnabled(previous);
  }
}

/** Runs `fn` without recording for autograd. */
export function noGrad<T>(fn: () => T): T {
  return withGradMode("noGrad", false, fn);
}

/** Runs `fn` with recording for autograd, e.g. inside `noGrad`. */
export function enableGrad<T>(fn: () => T): T {
  return withGradMode("enableGrad", true, fn);
}

/** As `noGrad`, and cheaper: tensors made inside can never take part in autograd. */
export function inferenceMode<T>(fn: () => T, enabled = true): T {
  native.enterInferenceMode(enabled);
  try {
    return synchronous("inferenceMode", fn());
  } finally {
    native.leaveInferenceMode();
  }
}

export function isInferenceMode(): boolean {
  return native.isInferenceMode();
}
