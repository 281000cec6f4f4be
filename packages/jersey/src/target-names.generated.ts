// Made by "npm run targets" from targets.ts.
export const targetNames: readonly string[] = [
  "classifier_training.callbacks.orientation.OrientationCorrection",
  "classifier_training.callbacks.upright.UprightCallback",
  "classifier_training.jersey.TrimBars"
];
