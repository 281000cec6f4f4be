import { fileURLToPath } from "node:url";
import { targetNames } from "./target-names.generated.ts";

/** What classifier-training reads of this package; it loads no more than it needs. */
export const extension = {
  /** Configuration groups and root configurations: recipes for jersey numbers. */
  configFolder: fileURLToPath(new URL("../conf/", import.meta.url)),
  targetNames,
  targets: async () => (await import("./targets.ts")).targets,
};
