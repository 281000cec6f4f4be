import { distributed } from "@classifier-training/torch";
import { MisconfigurationError } from "../core/errors.ts";

/** Which process of a run this is. */
export interface Cluster {
  readonly globalRank: number;
  readonly worldSize: number;
  readonly localRank: number;
  /** Processes on this machine. */
  readonly localWorldSize: number;
  readonly nodeRank: number;
  /** Something else (torchrun, a scheduler) has started all processes; else this one starts those of its machine. */
  readonly external: boolean;
}

type Variables = Readonly<NodeJS.ProcessEnv>;

/** Whether somebody has started this process as one rank of several. */
export function isRankProcess(env: Variables = process.env): boolean {
  return env["WORLD_SIZE"] !== undefined && (env["RANK"] !== undefined || env["LOCAL_RANK"] !== undefined);
}

/** Whether this process is the one that logs, prints and writes the files of a run; known before there is a trainer. */
export function isMainProcess(env: Variables = process.env): boolean {
  if (isRankProcess(env) && env["RANK"] !== undefined) return env["RANK"] === "0";
  return [env["LOCAL_RANK"], env["NODE_RANK"]].every((rank) => rank === undefined || rank === "0");
}

/** How many processes the environment says there are on this machine; undefined when it says nothing. */
export function externalLocalWorldSize(numNodes: number, env: Variables = process.env): number | undefined {
  if (!isRankProcess(env)) return undefined;
  const { worldSize } = readRank(env);
  return env["LOCAL_WORLD_SIZE"] === undefined
    ? Math.max(1, Math.floor(worldSize / numNodes))
    : Number(env["LOCAL_WORLD_SIZE"]);
}

/**
 * @param localWorldSize processes on each machine: `devices`
 * @throws MisconfigurationError when the environment has another number of processes than the options
 */
export function findCluster(localWorldSize: number, numNodes: number, env: Variables = process.env): Cluster {
  const worldSize = localWorldSize * numNodes;
  if (isRankProcess(env)) {
    const external = readRank(env);
    if (external.worldSize !== worldSize) {
      throw new MisconfigurationError(
        `the environment has ${external.worldSize} processes (WORLD_SIZE), but devices x numNodes is ${localWorldSize} x ${numNodes} = ${worldSize}`,
        "start as many processes as the trainer's options say, or give devices and numNodes accordingly",
      );
    }
    const { rank: globalRank, localRank } = external;
    return {
      globalRank,
      worldSize,
      localRank,
      localWorldSize,
      nodeRank: Math.floor(globalRank / localWorldSize),
      external: true,
    };
  }
  const nodeRank = Number(env["NODE_RANK"] ?? env["GROUP_RANK"] ?? 0);
  if (!(Number.isInteger(nodeRank) && nodeRank >= 0 && nodeRank < numNodes)) {
    throw new MisconfigurationError(
      `NODE_RANK is '${env["NODE_RANK"] ?? env["GROUP_RANK"]}', but numNodes is ${numNodes}`,
      `set NODE_RANK to 0 on the first machine and up to ${numNodes - 1} on the others`,
    );
  }
  if (numNodes > 1 && (env["MASTER_ADDR"] === undefined || env["MASTER_PORT"] === undefined)) {
    throw new MisconfigurationError(
      `numNodes is ${numNodes}, but MASTER_ADDR and MASTER_PORT do not say where the machines meet`,
      "on each machine set MASTER_ADDR and MASTER_PORT to an address and a free port of the first one, and NODE_RANK",
    );
  }
  return { globalRank: nodeRank * localWorldSize, worldSize, localRank: 0, localWorldSize, nodeRank, external: false };
}

function readRank(env: Variables): { rank: number; worldSize: number; localRank: number } {
  if (env["RANK"] !== undefined) return distributed.readEnvironment({ ...env });
  // As Lightning's own launcher has it: ranks by machine and place.
  const { LOCAL_RANK: local = "0", NODE_RANK: node = "0", LOCAL_WORLD_SIZE, WORLD_SIZE } = env;
  const rank = Number(node) * Number(LOCAL_WORLD_SIZE ?? WORLD_SIZE) + Number(local);
  return distributed.readEnvironment({ ...env, RANK: String(rank) });
}
