import { optionsTarget, type TargetTable } from "@classifier-training/base";
import { CutMix } from "./cut-mix.ts";
import { MixUp, mixUpOptionsSchema } from "./mix-up.ts";

/** The transforms of whole batches under their dotted names in torchvision. */
export const batchTransformTargets: TargetTable = {
  "torchvision.transforms.v2.MixUp": optionsTarget(mixUpOptionsSchema, (options) => new MixUp(options)),
  "torchvision.transforms.v2.CutMix": optionsTarget(mixUpOptionsSchema, (options) => new CutMix(options)),
};
