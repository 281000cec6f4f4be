export type { Partial } from "./call.ts";
export { InstantiationError } from "./errors.ts";
export { instantiate, instantiate as call } from "./instantiate.ts";
export { lookUpTarget } from "./resolve-target.ts";
export {
  type ContainerTarget,
  clearTargets,
  findTarget,
  registerTargets,
  type TargetLoader,
} from "./targets.ts";
