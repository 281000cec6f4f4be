import type { TargetTable } from "@classifier-training/base";
import { datasetTargets } from "./datasets/targets.ts";
import { modelTargets } from "./models/targets.ts";
import { transformTargets } from "./transforms/targets.ts";

/** Everything of this package that a configuration may name with `_target_`. */
export const targets: TargetTable = { ...transformTargets, ...datasetTargets, ...modelTargets };
