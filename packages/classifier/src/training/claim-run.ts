import { join } from "node:path";
import { CtError } from "@classifier-training/base";
import { type DictConfig, get, load } from "@classifier-training/hydra";
import { claimRunDirectory, readRun, runPaths } from "@classifier-training/runs";
import { configSignature } from "./signature.ts";

/**
 * The run directory of a job: each run gets one of its own, but for the same experiment in a fixed directory, which is
 * resumed there.
 * @param config the task's configuration
 */
export function runDirectoryFor(planned: string, config: DictConfig): string {
  return claimRunDirectory(planned, (dir) => {
    if (get(config, "resume", "auto") === false || readRun(dir)?.record.kind !== "train") return false;
    const signatureOf = (one: DictConfig) =>
      JSON.stringify(configSignature(one, { outputDir: dir, workingDir: process.cwd(), hasDataFingerprint: false }));
    try {
      return signatureOf(load(join(dir, runPaths.config)) as DictConfig) === signatureOf(config);
    } catch (error) {
      // The job says what is wrong with its configuration; a saved one that cannot be read is not the same.
      if (!CtError.is(error)) throw error;
      return false;
    }
  });
}
