export { Adadelta } from "./adadelta.ts";
export { Adagrad } from "./adagrad.ts";
export { Adam, AdamW } from "./adam.ts";
export { NAdam, RAdam } from "./adam-variants.ts";
export { Adamax } from "./adamax.ts";
export { Adan } from "./adan.ts";
export { ASGD } from "./asgd.ts";
export { LAMB } from "./lamb.ts";
export { Lion } from "./lion.ts";
export * as lrScheduler from "./lr-scheduler/index.ts";
export { noDecayGroups } from "./no-decay-groups.ts";
export {
  Optimizer,
  type OptimizerState,
  type ParamGroupInput,
  type ParamState,
  type Params,
  type StepOptions,
} from "./optimizer.ts";
export type { ParamGroup } from "./param-group.ts";
export { RMSprop } from "./rmsprop.ts";
export { RMSpropTF } from "./rmsprop-tf.ts";
export { Rprop } from "./rprop.ts";
export { SGD } from "./sgd.ts";
