export {
  allGather,
  allGatherSync,
  allReduce,
  allReduceSync,
  broadcast,
  broadcastSync,
  type ReduceOp,
} from "./collectives.ts";
export { type RankEnvironment, readEnvironment } from "./environment.ts";
export { DistributedError } from "./errors.ts";
export { allGatherObject, allGatherObjectSync, barrier } from "./objects.ts";
export {
  abandonProcessGroup,
  type DistributedBackend,
  destroyProcessGroup,
  getBackend,
  getRank,
  getWorldSize,
  initProcessGroup,
  isAvailable,
  isBackendAvailable,
  isInitialized,
  type ProcessGroupOptions,
  requireBackend,
} from "./process-group.ts";
