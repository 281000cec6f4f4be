import { optionsTarget, type TargetTable, withForeignOptions } from "@classifier-training/base";
import { OrientationCorrection, orientationCorrectionOptionsSchema } from "./orientation-correction.ts";

const orientationCorrection = withForeignOptions(
  optionsTarget(orientationCorrectionOptionsSchema, (options) => new OrientationCorrection(options)),
  { as_published: { means: "keep_original_fraction" } },
);

/** What a configuration may name of this package. */
export const targets: TargetTable = {
  "classifier_training.callbacks.orientation.OrientationCorrection": orientationCorrection,
  "classifier_training.callbacks.upright.UprightCallback": orientationCorrection,
};
