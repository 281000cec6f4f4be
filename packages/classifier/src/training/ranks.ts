import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { scratchFolder } from "@classifier-training/base";
import { type DictConfig, resolve, toYaml } from "@classifier-training/hydra";
import { leaveRanks, setRankCommand } from "@classifier-training/lightning";

const program = fileURLToPath(new URL("../../bin/classifier.js", import.meta.url));

/**
 * Runs a job whose other ranks, if it has any, get its configuration as it is here, every interpolation resolved: not this
 * process's arguments again, which may be a sweep's, or name times and files that have changed since.
 * @param more further arguments of theirs
 */
export async function withRanks<T>(
  command: "train" | "validate" | "test",
  config: DictConfig,
  run: () => Promise<T>,
  more: () => readonly string[] = () => [],
): Promise<T> {
  let folder: string | undefined;
  setRankCommand(() => {
    folder ??= scratchFolder("ranks");
    const resolved = config.copy();
    resolve(resolved);
    writeFileSync(join(folder, "config.yaml"), toYaml(resolved), { mode: 0o600 });
    return [program, command, "--config-path", folder, "--config-name", "config", ...more()];
  });
  try {
    return await run();
  } finally {
    setRankCommand(undefined);
    leaveRanks();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}
