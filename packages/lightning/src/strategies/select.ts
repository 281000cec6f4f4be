import { suggestion } from "@classifier-training/base";
import { cudaDeviceCount, cudaIsAvailable, mpsIsAvailable } from "@classifier-training/torch";
import { MisconfigurationError } from "../core/errors.ts";
import { SingleDeviceStrategy } from "./single-device.ts";
import type { Strategy } from "./strategy.ts";

const accelerators = ["auto", "cpu", "gpu", "cuda", "mps"];
const strategies = ["auto", "single_device"];
const distributed = ["ddp", "ddp_spawn", "ddp_fork", "fsdp", "deepspeed", "ddp_find_unused_parameters_true"];

interface Wish {
  readonly accelerator: string;
  readonly strategy: string | object;
  readonly devices: number | string | readonly number[] | null;
  readonly numNodes: number;
}

/**
 * The strategy that the options ask for.
 * @throws MisconfigurationError when the machine lacks the accelerator, or more than one process is asked for.
 */
export function selectStrategy(wish: Wish): Strategy {
  if (typeof wish.strategy !== "string") return wish.strategy as Strategy;
  if (distributed.includes(wish.strategy)) throw notDistributed(`strategy: "${wish.strategy}"`);
  if (!strategies.includes(wish.strategy)) {
    throw new MisconfigurationError(`strategy '${wish.strategy}' is not known`, suggestion(wish.strategy, strategies));
  }
  if (wish.numNodes > 1) throw notDistributed(`numNodes: ${wish.numNodes}`);
  const kind = deviceKind(wish.accelerator);
  return new SingleDeviceStrategy(kind === "cuda" ? `cuda:${deviceIndex(wish)}` : kind);
}

function deviceKind(accelerator: string): "cpu" | "cuda" | "mps" {
  if (!accelerators.includes(accelerator)) {
    throw new MisconfigurationError(`accelerator '${accelerator}' is not known`, suggestion(accelerator, accelerators));
  }
  if (accelerator === "cpu") return "cpu";
  if (accelerator !== "mps" && cudaIsAvailable()) return "cuda";
  if ((accelerator === "auto" || accelerator === "mps" || accelerator === "gpu") && mpsIsAvailable()) return "mps";
  if (accelerator === "auto") return "cpu";
  throw new MisconfigurationError(
    `accelerator '${accelerator}' is not available on this machine`,
    'use accelerator: "auto" or "cpu"; `classifier doctor` lists the devices that LibTorch sees',
  );
}

/** `devices` as Lightning reads it: a count, -1 or "auto" for all, or a list of indices. One device is used. */
function deviceIndex({ devices }: Wish): number {
  if (devices === null || devices === "auto") return 0;
  const count = cudaDeviceCount();
  const indices =
    typeof devices === "number"
      ? devices === -1
        ? Array.from({ length: count }, (_, i) => i)
        : Array.from({ length: devices }, (_, i) => i)
      : typeof devices === "string"
        ? devices.includes(",")
          ? devices.split(",").filter(Boolean).map(Number)
          : Array.from({ length: Number(devices) }, (_, i) => i)
        : devices;
  if (indices.length > 1) throw notDistributed(`devices: ${JSON.stringify(devices)}`);
  const [index = 0] = indices;
  if (!(index < count)) throw new MisconfigurationError(`there is no cuda device ${index}: LibTorch sees ${count}`);
  return index;
}

function notDistributed(what: string): MisconfigurationError {
  return new MisconfigurationError(
    `${what} asks for several processes, and only single-device training is built in`,
    'use devices: 1 and strategy: "auto", or pass an object that implements Strategy',
  );
}
