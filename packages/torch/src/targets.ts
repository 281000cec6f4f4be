import type { TargetTable } from "@classifier-training/base";
import { nnTargets } from "./nn/targets.ts";
import { schedulerTargets } from "./optim/lr-scheduler/targets.ts";
import { optimizerTargets } from "./optim/targets.ts";

/** What a configuration's `_target_` may name of this package, by PyTorch's dotted names. */
export const targets: TargetTable = { ...nnTargets, ...optimizerTargets, ...schedulerTargets };
