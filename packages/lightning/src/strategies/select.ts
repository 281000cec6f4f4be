import { getLogger, isRankProcess, suggestion } from "@classifier-training/base";
import { cudaDeviceCount, cudaIsAvailable, distributed, mpsIsAvailable } from "@classifier-training/torch";
import { MisconfigurationError } from "../utilities/errors.ts";
import { externalLocalWorldSize, findCluster } from "./cluster.ts";
import { DDPStrategy } from "./ddp.ts";
import { SingleDeviceStrategy } from "./single-device.ts";
import type { Strategy } from "./strategy.ts";

const log = getLogger("lightning.strategy");

const accelerators = ["auto", "cpu", "gpu", "cuda", "mps"];
const strategies = ["auto", "single_device", "ddp"];
/** Lightning's names for data-parallel training: how processes are started and unused parameters make no difference here. */
const ddpNames = /^ddp(_spawn|_fork|_notebook)?(_find_unused_parameters_(true|false))?$/;
const notBuiltIn = ["fsdp", "deepspeed", "xla", "model_parallel"];

interface Wish {
  readonly accelerator: string;
  readonly strategy: string | Strategy;
  readonly devices: number | string | readonly number[] | null;
  readonly numNodes: number;
}

/**
 * The strategy that the options ask for: with several devices or machines, data-parallel training.
 * @throws MisconfigurationError when the machine lacks the accelerator, or the options contradict each other
 */
export function selectStrategy(wish: Wish): Strategy {
  const { strategy, numNodes } = wish;
  if (typeof strategy !== "string" && !(strategy instanceof DDPStrategy)) return strategy;
  if (typeof strategy === "string") refuseUnknown(strategy);
  const kind = deviceKind(wish.accelerator);
  const devices = rootDevices(kind, wish);
  const ddp = strategy instanceof DDPStrategy ? strategy : ddpNames.test(strategy) ? new DDPStrategy() : undefined;
  if (strategy === "single_device" || (devices.length * numNodes === 1 && ddp === undefined)) {
    const [device = kind] = devices;
    if (devices.length * numNodes > 1) throw contradiction(wish);
    // One of several processes that others have started is not a single device.
    if (isRankProcess()) findCluster(1, 1);
    return new SingleDeviceStrategy(device);
  }
  if (kind === "mps") throw new MisconfigurationError("accelerator 'mps' has one device", "use devices: 1");
  const chosen = ddp ?? new DDPStrategy();
  const cluster = findCluster(devices.length, numNodes);
  // One process is a single device, whatever it is called.
  if (cluster.worldSize === 1) return new SingleDeviceStrategy(devices[0] ?? kind);
  chosen.configure(cluster, devices[cluster.localRank] ?? kind);
  return chosen;
}

function refuseUnknown(strategy: string): void {
  if (strategies.includes(strategy) || ddpNames.test(strategy)) return;
  const known = notBuiltIn.find((name) => strategy.startsWith(name));
  if (known !== undefined) {
    throw new MisconfigurationError(
      `strategy '${strategy}' is not built in: models are trained whole on each device`,
      'use strategy: "ddp", or pass an object that implements Strategy',
    );
  }
  throw new MisconfigurationError(
    `strategy: expected one of ${strategies.join(", ")}, received '${strategy}'`,
    suggestion(strategy, strategies),
  );
}

function contradiction({ devices, numNodes }: Wish): MisconfigurationError {
  return new MisconfigurationError(
    `strategy 'single_device' contradicts devices: ${JSON.stringify(devices)} and numNodes: ${numNodes}`,
    'use strategy: "auto" or "ddp", or devices: 1',
  );
}

function deviceKind(accelerator: string): "cpu" | "cuda" | "mps" {
  if (!accelerators.includes(accelerator)) {
    throw new MisconfigurationError(
      `accelerator: expected one of ${accelerators.join(", ")}, received '${accelerator}'`,
      suggestion(accelerator, accelerators),
    );
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

/** The device of each process of this machine. */
function rootDevices(kind: "cpu" | "cuda" | "mps", wish: Wish): string[] {
  if (kind === "cuda") return deviceIndices(wish).map((index) => `cuda:${index}`);
  const { devices } = wish;
  const automatic = devices === null || devices === "auto" || devices === -1 || devices === "-1";
  const count = automatic ? (externalLocalWorldSize(wish.numNodes) ?? 1) : Number(devices);
  if (Array.isArray(devices) || !(Number.isInteger(count) && count > 0)) {
    throw new MisconfigurationError(
      `devices: expected ${kind === "cpu" ? "a number of processes" : "1"} with accelerator '${kind}', received ${JSON.stringify(devices)}`,
      kind === "cpu" ? "give the number of processes: devices: 2" : "use devices: 1",
    );
  }
  return Array.from({ length: count }, () => kind);
}

/** All devices, where processes can talk about what is on them. */
function automaticCount(count: number): number {
  if (count <= 1 || distributed.isBackendAvailable("nccl")) return Math.max(1, count);
  log.warning(`this build has no NCCL: one of ${count} CUDA devices is used`);
  return 1;
}

/** `devices` as Lightning reads it: a count, -1 for all, "auto", or a list of indices. */
function deviceIndices({ devices, numNodes }: Wish): number[] {
  const count = cudaDeviceCount();
  const first = (n: number) => Array.from({ length: n }, (_, i) => i);
  const indices =
    devices === null || devices === "auto"
      ? first(externalLocalWorldSize(numNodes) ?? automaticCount(count))
      : typeof devices === "object"
        ? [...devices]
        : devices === -1 || devices === "-1"
          ? first(count)
          : String(devices).includes(",")
            ? String(devices).split(",").filter(Boolean).map(Number)
            : first(Number(devices));
  const wrong = indices.find((index) => !(index >= 0 && index < count));
  if (wrong !== undefined || indices.length === 0)
    throw new MisconfigurationError(
      `devices: expected indices below ${count} (the CUDA devices that LibTorch sees), received ${wrong ?? "none"}`,
    );
  return indices;
}
