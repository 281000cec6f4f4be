import { isLaunched, rankVariables } from "@classifier-training/base";
import { distributed } from "@classifier-training/torch";
import { MisconfigurationError } from "../utilities/errors.ts";

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
  /** Where the ranks meet, when a scheduler says it in variables of its own. */
  readonly master?: Readonly<Record<"MASTER_ADDR" | "MASTER_PORT", string>>;
}

type Variables = Readonly<NodeJS.ProcessEnv>;

/** How many processes the environment says there are on this machine; undefined when it says nothing. */
export function externalLocalWorldSize(numNodes: number, environment: Variables = process.env): number | undefined {
  const env = rankVariables(environment);
  if (!isLaunched(env)) return undefined;
  const { worldSize } = readRank(env);
  return env["LOCAL_WORLD_SIZE"] === undefined
    ? Math.max(1, Math.floor(worldSize / numNodes))
    : Number(env["LOCAL_WORLD_SIZE"]);
}

/**
 * @param localWorldSize processes on each machine: `devices`
 * @throws MisconfigurationError when the environment has another number of processes than the options
 */
export function findCluster(localWorldSize: number, numNodes: number, environment: Variables = process.env): Cluster {
  const worldSize = localWorldSize * numNodes;
  const env = rankVariables(environment);
  if (isLaunched(env)) {
    const external = readRank(env);
    if (!isLaunched(environment)) refuseOtherTasks(environment, localWorldSize, numNodes);
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
      ...(isLaunched(environment)
        ? {}
        : { master: { MASTER_ADDR: external.masterAddr, MASTER_PORT: String(external.masterPort) } }),
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

/** As Lightning does: the tasks of a job must be the processes that the options speak of. */
function refuseOtherTasks(env: Variables, devices: number, numNodes: number): void {
  const { SLURM_NTASKS_PER_NODE: tasks, SLURM_NNODES: nodes } = env;
  if (nodes !== undefined && Number(nodes) !== numNodes) {
    throw new MisconfigurationError(
      `numNodes is ${numNodes}, but the SLURM job has ${nodes} (--nodes=${nodes})`,
      `set numNodes: ${nodes}`,
    );
  }
  if (tasks !== undefined && Number(tasks) !== devices) {
    throw new MisconfigurationError(
      `devices is ${devices}, but the SLURM job has ${tasks} tasks a node (--ntasks-per-node=${tasks})`,
      `set devices: ${tasks}`,
    );
  }
}

function readRank(env: Variables): distributed.RankEnvironment {
  if (env["RANK"] !== undefined) return distributed.readEnvironment({ ...env });
  // As Lightning's own launcher has it: ranks by machine and place.
  const { LOCAL_RANK: local = "0", NODE_RANK: node = "0", LOCAL_WORLD_SIZE, WORLD_SIZE } = env;
  const rank = Number(node) * Number(LOCAL_WORLD_SIZE ?? WORLD_SIZE) + Number(local);
  return distributed.readEnvironment({ ...env, RANK: String(rank) });
}
