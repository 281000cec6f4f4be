import type { TargetTable } from "@classifier-training/base";
import { targets as imageTargets } from "@classifier-training/image";
import { batchTransformTargets } from "./batch-transforms/targets.ts";
import { datasetTargets } from "./datasets/targets.ts";
import { modelTargets } from "./models/targets.ts";

/** Everything of this package and of `image` that a configuration may name with `_target_`. */
export const targets: TargetTable = { ...imageTargets, ...batchTransformTargets, ...datasetTargets, ...modelTargets };
