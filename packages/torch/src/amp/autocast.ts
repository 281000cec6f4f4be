import { types } from "node:util";
import { TorchError } from "../errors.ts";
import { native } from "../native/load.ts";
import { isThenable } from "../scope.ts";
import type { Device, DType } from "../tensor/dtype.ts";

export interface AutocastOptions {
  /** The device whose operators run in lower precision. */
  readonly device?: Device;
  /** bfloat16 on the CPU, float16 elsewhere, when left out. */
  readonly dtype?: DType;
  readonly enabled?: boolean;
}

/**
 * Runs `fn` with automatic mixed precision: convolutions and matrix products in `dtype`, what needs range in float32.
 * Cast copies of parameters are kept until the outermost region ends.
 *
 * @throws TorchError if `fn` returns a promise: the mode belongs to the thread
 */
export function autocast<T>(options: AutocastOptions, fn: () => T): T {
  const { device = "cpu", enabled = true } = options;
  const dtype = options.dtype ?? (device.startsWith("cpu") ? "bfloat16" : "float16");
  if (dtype !== "bfloat16" && dtype !== "float16") {
    throw new TorchError({
      code: "torch/autocast",
      what: `autocast to ${dtype} is not possible`,
      fix: "use bfloat16 or float16",
    });
  }
  const [wasEnabled, previousDtype] = enter(device, enabled, dtype);
  try {
    const result = fn();
    if (isThenable(result)) {
      throw new TorchError({
        code: "torch/async-mode",
        what: "autocast needs a synchronous function, and this one returned a promise",
        fix: "await first, and call autocast around the tensor work only",
      });
    }
    return result;
  } finally {
    native.leaveAutocast(device, wasEnabled, previousDtype);
  }
}

function enter(device: Device, enabled: boolean, dtype: DType): [wasEnabled: boolean, previousDtype: DType] {
  try {
    return native.enterAutocast(device, enabled, dtype);
  } catch (error) {
    throw new TorchError({
      code: "torch/autocast",
      what: `autocast to ${dtype} is not possible on '${device}': ${types.isNativeError(error) ? error.message : error}`,
      fix: device.startsWith("cpu") ? "use bfloat16" : undefined,
      cause: error,
    });
  }
}

/** Whether autocast is on for a device on this thread. */
export function isAutocastEnabled(device: Device = "cpu"): boolean {
  return native.autocastState(device)[0];
}

/** The dtype that autocast uses, or would use, for a device. */
export function autocastDtype(device: Device = "cpu"): DType {
  return native.autocastState(device)[1];
}
