import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { native } from "../native/load.ts";
import { readEnvironment } from "./environment.ts";
import { DistributedError, distributedError } from "./errors.ts";
import { reportArrivals, startHeartbeat, stopHeartbeat } from "./heartbeat.ts";

export type DistributedBackend = "gloo" | "nccl";

export interface ProcessGroupOptions {
  /** `gloo` for CPU tensors; `nccl` for CUDA tensors, with gloo beside it for those of the CPU. */
  readonly backend?: DistributedBackend;
  /** `env://` (the default), `tcp://host:port`, or `file:///path` that all processes see and that does not exist yet. */
  readonly initMethod?: string;
  /** By default RANK and WORLD_SIZE of the environment. */
  readonly rank?: number;
  readonly worldSize?: number;
  /** How long to wait for another rank, at the start and in each operation. PyTorch's default: 30 minutes. */
  readonly timeoutS?: number;
  /** After how many seconds of waiting, and then how often, a warning says for whom; 30 by default. */
  readonly heartbeatS?: number;
}

interface Membership {
  readonly rank: number;
  readonly worldSize: number;
  readonly backend: DistributedBackend;
}

let membership: Membership | undefined;

/** Whether this build of the addon can talk to other processes. */
export function isAvailable(): boolean {
  return native.distributedBackends().includes("gloo");
}

export function isBackendAvailable(backend: DistributedBackend): boolean {
  return native.distributedBackends().includes(backend);
}

/** Whether this process is in a group. */
export function isInitialized(): boolean {
  return membership !== undefined;
}

/** @throws DistributedError outside of a group */
export function group(): Membership {
  if (membership !== undefined) return membership;
  throw new DistributedError({
    code: "torch/distributed-uninitialized",
    what: "this process is in no process group",
    fix: "await distributed.initProcessGroup() first",
  });
}

export const getRank = (): number => group().rank;
export const getWorldSize = (): number => group().worldSize;

/**
 * Joins the other processes; resolves when all are there.
 * @throws DistributedError when they do not come in time, or this build cannot do it
 */
export async function initProcessGroup(options: ProcessGroupOptions = {}): Promise<void> {
  const { backend = "gloo", initMethod = "env://", timeoutS = 1800, heartbeatS = 30 } = options;
  requireBackend(backend);
  if (membership !== undefined) {
    throw new DistributedError({
      code: "torch/distributed-initialized",
      what: "this process is in a process group already",
      fix: "call distributed.destroyProcessGroup() first",
    });
  }
  const place = meetingPoint(initMethod, options);
  const { rank, worldSize } = place;
  const request = {
    ...place,
    timeoutMs: Math.round(timeoutS * 1000),
    interfaces: (process.env["GLOO_SOCKET_IFNAME"] ?? "").split(",").filter((name) => name !== ""),
    nccl: backend === "nccl",
  };
  const failed = (cause: unknown) => distributedError(`joining the group at ${place.shown}`, rank, worldSize, cause);
  const stopReporting = reportArrivals({ rank, worldSize, shown: place.shown, timeoutS, heartbeatS });
  try {
    await new Promise<void>((done, reject) => {
      native.joinGroup?.(request, (error) => (error === null ? done() : reject(error)));
    });
  } catch (error) {
    throw failed(error);
  } finally {
    stopReporting();
  }
  membership = { rank, worldSize, backend };
  startHeartbeat({ rank, worldSize, heartbeatS });
}

/** Leaves the group. Everything begun must have ended; other ranks that still wait for this one get an error. */
export function destroyProcessGroup(): void {
  if (membership === undefined) return;
  membership = undefined;
  stopHeartbeat();
  native.leaveGroup?.(true);
}

/** Leaves a group that has failed, without waiting for pending operations: the other ranks notice at once. */
export function abandonProcessGroup(): void {
  membership = undefined;
  stopHeartbeat();
  native.leaveGroup?.(false);
}

interface MeetingPoint {
  readonly host: string;
  readonly port: number;
  readonly file: string;
  readonly prefix: string;
  readonly isServer: boolean;
  readonly rank: number;
  readonly worldSize: number;
  readonly shown: string;
}

function meetingPoint(initMethod: string, options: ProcessGroupOptions): MeetingPoint {
  if (initMethod === "env://") {
    const env = readEnvironment({
      ...process.env,
      ...(options.rank !== undefined && { RANK: String(options.rank) }),
      ...(options.worldSize !== undefined && { WORLD_SIZE: String(options.worldSize) }),
    });
    const { masterAddr: host, masterPort: port, rank, worldSize, agentStore, attempt } = env;
    const isServer = rank === 0 && !agentStore;
    return { ...at(host, port), file: "", prefix: `classifier/${attempt}/`, isServer, rank, worldSize };
  }
  const { rank, worldSize } = options;
  if (rank === undefined || worldSize === undefined || !(rank >= 0 && rank < worldSize)) {
    throw new DistributedError({
      code: "torch/distributed-options",
      what: `initProcessGroup: rank ${rank} of worldSize ${worldSize} does not exist`,
      fix: `with initMethod '${initMethod}' give both: rank from 0 to worldSize - 1`,
    });
  }
  const url = URL.canParse(initMethod) ? new URL(initMethod) : undefined;
  if (url?.protocol === "file:") {
    const file = resolve(fileURLToPath(url));
    return { host: "", port: 0, file, prefix: "classifier/", isServer: false, rank, worldSize, shown: file };
  }
  if (url?.protocol === "tcp:" && url.port !== "") {
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    return { ...at(host, Number(url.port)), file: "", prefix: "classifier/", isServer: rank === 0, rank, worldSize };
  }
  throw new DistributedError({
    code: "torch/distributed-options",
    what: `initProcessGroup: initMethod '${initMethod}' is not understood`,
    fix: "use env://, tcp://host:port or file:///a/path/that/all/processes/see",
  });
}

function at(host: string, port: number) {
  return { host, port, shown: `${host}:${port}` };
}

/** @throws DistributedError saying what to install when this build lacks it */
export function requireBackend(backend: DistributedBackend): void {
  if (!isAvailable()) {
    throw new DistributedError({
      code: "torch/distributed-unavailable",
      what: "this build of the addon has no process groups: LibTorch was built without them, or gloo's headers were missing",
      where: "packages/torch/native",
      fix: "on Debian or Ubuntu: apt-get install libgloo-dev, then npm run setup. LibTorch of macOS has none",
    });
  }
  if (!isBackendAvailable(backend)) {
    throw new DistributedError({
      code: "torch/distributed-unavailable",
      what: `this build of the addon has no ${backend}`,
      fix:
        backend === "nccl"
          ? "build against a LibTorch for CUDA, with NCCL's and CUDA's headers installed (npm run setup), or use gloo"
          : "backends: gloo, nccl",
    });
  }
}
