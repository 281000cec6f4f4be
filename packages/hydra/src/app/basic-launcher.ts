import { mkdirSync } from "node:fs";
import { getLogger, maskArgument } from "@classifier-training/base";
import type { DictConfig } from "../omegaconf/containers.ts";
import { openDict } from "../omegaconf/flags.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { selectNode, selectRaw } from "../omegaconf/select.ts";
import { type JobReturn, runJob } from "./job.ts";
import { configureLogging } from "./logging.ts";
import type { LauncherFactory } from "./plugins.ts";
import { loadSweepConfig } from "./sweep-config.ts";

/** Runs the jobs one after the other, in this process. */
export const basicLauncher: LauncherFactory = (_, { loader, loaded, callbacks, task }) => ({
  async launch(jobs, firstIndex) {
    const log = getLogger("hydra");
    const master = loaded.config;
    const results: JobReturn[] = [];
    mkdirSync(pythonStr(selectRaw(master, "hydra.sweep.dir")), { recursive: true });
    log.info(`Launching ${jobs.length} jobs locally`);
    for (const [position, overrides] of jobs.entries()) {
      const index = firstIndex + position;
      const own = overrides.filter((override) => !override.startsWith("hydra."));
      log.info(`\t#${index} : ${own.map(maskArgument).join(" ")}`);
      const config = loadSweepConfig(loader, master, overrides);
      const job = selectNode(config, "hydra.job") as DictConfig;
      openDict(job, () => {
        job.set("id", String(index));
        job.set("num", index);
      });
      results.push(
        await runJob({ config, task, callbacks, dirKey: "hydra.sweep.dir", subdirKey: "hydra.sweep.subdir" }),
      );
      configureLogging(master, "hydra.hydra_logging");
    }
    return results;
  },
});
