import { existsSync } from "node:fs";
import { join } from "node:path";
import { getLogger } from "@classifier-training/base";
import { type DictConfig, explainKey, leavesOf } from "@classifier-training/hydra";
import { runPaths, writeOrigins } from "@classifier-training/runs";

const log = getLogger("classifier.train");

/** Notes in a run directory where each value of its configuration was set, as `--info explain KEY` says it. */
export function noteOrigins(outputDir: string, config: DictConfig): void {
  // Hydra keeps no records where `hydra.output_subdir` is null.
  if (!existsSync(join(outputDir, runPaths.hydra))) return;
  try {
    const origins = [...leavesOf(config)].map((node): [string, string[]] => {
      const key = node.fullKey();
      // The first line is the value itself.
      const lines = explainKey(config, key).slice(1);
      return [key.replaceAll(/\[(\d+)\]/g, ".$1"), lines.map((line) => line.replace(/^ {2}/, ""))];
    });
    writeOrigins(outputDir, Object.fromEntries(origins));
  } catch (error) {
    log.detail(`the origins of the configuration's values are not noted: ${(error as Error).message}`);
  }
}
