import { fileURLToPath } from "node:url";

/** What classifier-training is told of this package; it loads no more than it needs. */
export const extension = {
  /** Configuration groups and root configurations: recipes for jersey numbers. */
  configFolder: fileURLToPath(new URL("../conf/", import.meta.url)),
  namespaces: [
    "classifier_training.callbacks.orientation",
    "classifier_training.callbacks.upright",
    "classifier_training.jersey",
  ],
  targets: async () => (await import("./targets.ts")).targets,
};
