import type { TargetTable } from "@classifier-training/base";
import { batchTransformTargets } from "./batch-transforms/targets.ts";
import { datasetTargets } from "./datasets/targets.ts";
import { modelTargets } from "./models/targets.ts";

/** Everything of this package that a configuration may name with `_target_`. */
export const targets: TargetTable = { ...batchTransformTargets, ...datasetTargets, ...modelTargets };
