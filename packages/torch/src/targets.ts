import type { TargetTable } from "@classifier-training/base";
import { nnTargets } from "./nn/targets.ts";
import { schedulerTargets } from "./optim/lr-scheduler/targets.ts";
import { optimizerTargets } from "./optim/targets.ts";
import type { DType } from "./tensor/dtype.ts";

const dtypes: Readonly<Record<string, DType>> = {
  ...{ float16: "float16", half: "float16", bfloat16: "bfloat16", float32: "float32", float: "float32" },
  ...{ float64: "float64", double: "float64", uint8: "uint8", int8: "int8", int16: "int16", int32: "int32" },
  ...{ int64: "int64", long: "int64", bool: "bool" },
};

/** `torch.float32` and the like, which `hydra.utils.get_object` gives. */
const dtypeTargets: TargetTable = Object.fromEntries(
  Object.entries(dtypes).map(([name, object]) => [`torch.${name}`, { object, invoke: () => object }]),
);

/** What a configuration's `_target_` may name of this package, by PyTorch's dotted names. */
export const targets: TargetTable = { ...dtypeTargets, ...nnTargets, ...optimizerTargets, ...schedulerTargets };
