import { optionsTarget, type TargetTable, withForeignOptions } from "@classifier-training/base";
import { z } from "zod";
import { OrientationCorrection, orientationCorrectionOptionsSchema } from "./orientation-correction.ts";
import { TrimBars } from "./trim-bars.ts";

const orientationCorrection = withForeignOptions(
  optionsTarget(orientationCorrectionOptionsSchema, (options) => new OrientationCorrection(options)),
  { as_published: { means: "keep_original_fraction" } },
);

/** What a configuration may name of this package. */
export const targets: TargetTable = {
  "classifier_training.callbacks.orientation.OrientationCorrection": orientationCorrection,
  "classifier_training.jersey.TrimBars": optionsTarget(z.strictObject({}), () => TrimBars(undefined)),
  "classifier_training.callbacks.upright.UprightCallback": orientationCorrection,
};
