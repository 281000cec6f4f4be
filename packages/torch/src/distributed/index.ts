export {
  allGather,
  allReduce,
  allReduceSync,
  broadcast,
  type ReduceOp,
} from "./collectives.ts";
export { type RankEnvironment, readEnvironment } from "./environment.ts";
export { DistributedError } from "./errors.ts";
export { allGatherObject, barrier } from "./objects.ts";
export {
  abandonProcessGroup,
  type DistributedBackend,
  destroyProcessGroup,
  getRank,
  getWorldSize,
  initProcessGroup,
  isAvailable,
  isBackendAvailable,
  isInitialized,
  type ProcessGroupOptions,
  requireBackend,
} from "./process-group.ts";
