import { join } from "node:path";
import { CtError, displayPath, getLogger } from "@classifier-training/base";
import { type DictConfig, get, load } from "@classifier-training/hydra";
import { claimRunDirectory, claimSweepDirectory, readRun, runInUse, runPaths } from "@classifier-training/runs";
import { configSignature } from "./signature.ts";

const log = getLogger("classifier.train");

/** Hydra's hooks that give each run and each sweep a directory of its own, and say so when it is not the planned one. */
export function directoryClaims({ mayResume }: { readonly mayResume: boolean }) {
  return {
    claimDirectory: (planned: string, config: DictConfig) => {
      const dir = claimRunDirectory(planned, (ended) => mayResume && isSameExperiment(ended, config));
      const other = dir === planned ? undefined : runInUse(planned);
      if (other !== undefined) {
        const process = other.pid === undefined ? "" : ` (process ${other.pid})`;
        log.info(`${displayPath(planned)} is in use by run ${other.id}${process}: this run has ${displayPath(dir)}`);
      }
      return dir;
    },
    claimSweepDirectory: (planned: string) => {
      const dir = claimSweepDirectory(planned);
      if (dir !== planned)
        log.info(`${displayPath(planned)} is in use by another sweep: this one has ${displayPath(dir)}`);
      return dir;
    },
  };
}

/** Whether a run has the configuration of this one, so that it may be resumed in its directory. */
function isSameExperiment(dir: string, config: DictConfig): boolean {
  if (get(config, "resume", "auto") === false || readRun(dir)?.record.kind !== "train") return false;
  const signatureOf = (one: DictConfig) =>
    JSON.stringify(configSignature(one, { outputDir: dir, workingDir: process.cwd(), hasDataSignature: false }));
  try {
    return signatureOf(load(join(dir, runPaths.config)) as DictConfig) === signatureOf(config);
  } catch (error) {
    // The job says what is wrong with its configuration; a saved one that cannot be read is not the same.
    if (!CtError.is(error)) throw error;
    return false;
  }
}
