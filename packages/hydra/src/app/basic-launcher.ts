import { mkdirSync } from "node:fs";
import { getLogger, maskArgument } from "@classifier-training/base";
import type { DictConfig } from "../omegaconf/containers.ts";
import { openDict } from "../omegaconf/flags.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { selectNode, selectRaw } from "../omegaconf/select.ts";
import { causeLine } from "./failure.ts";
import { runJob } from "./job.ts";
import { configureLogging } from "./logging.ts";
import type { LauncherFactory } from "./plugin.ts";
import { loadSweepConfig } from "./sweep-config.ts";
import type { JobReturn } from "./task.ts";

/** Runs the jobs one after the other, in this process. */
export const basicLauncher: LauncherFactory = (_, { loader, loaded, callbacks, task, claimDirectory }) => ({
  async launch(jobs, firstIndex) {
    const log = getLogger("hydra");
    const master = loaded.config;
    const results: JobReturn[] = [];
    mkdirSync(pythonStr(selectRaw(master, "hydra.sweep.dir")), { recursive: true });
    log.info(`Launching ${jobs.length} jobs locally`);
    // What all jobs have in common is known from the command.
    const common = new Set(jobs.length === 1 ? [] : jobs[0]?.filter((one) => jobs.every((job) => job.includes(one))));
    for (const [position, overrides] of jobs.entries()) {
      const index = firstIndex + position;
      const own = overrides.filter((override) => !override.startsWith("hydra.") && !common.has(override));
      log.info(`\t#${index} : ${own.map(maskArgument).join(" ")}`);
      const config = loadSweepConfig(loader, master, overrides);
      const job = selectNode(config, "hydra.job") as DictConfig;
      openDict(job, () => {
        job.set("id", String(index));
        job.set("num", index);
      });
      const place = { dirKey: "hydra.sweep.dir", subdirKey: "hydra.sweep.subdir" } as const;
      const result = await runJob({ config, task, callbacks, claimDirectory, ...place });
      results.push(result);
      configureLogging(master, "hydra.hydra_logging");
      if (result.status === "FAILED") log.error(`\t#${index} failed: ${causeLine(result)}`);
    }
    return results;
  },
});
