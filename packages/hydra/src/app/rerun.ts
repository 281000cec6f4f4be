import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { getLogger } from "@classifier-training/base";
import { HydraConfig, registerHydraResolvers } from "../compose/runtime.ts";
import { HydraError } from "../errors.ts";
import type { DictConfig } from "../omegaconf/containers.ts";
import { create, load } from "../omegaconf/create.ts";
import { setStruct } from "../omegaconf/flags.ts";
import { merge } from "../omegaconf/merge.ts";
import { select } from "../omegaconf/select.ts";
import { JobFailure } from "./failure.ts";
import { configureLogging } from "./logging.ts";
import type { JobReturn, TaskFunction } from "./task.ts";

/** `--experimental-rerun`: runs the task again with a configuration that a job has saved. */
export async function rerun<T>(
  path: string,
  overrides: readonly string[],
  task: TaskFunction<T>,
): Promise<JobReturn<T>[]> {
  const log = getLogger("hydra");
  log.warning("Experimental rerun CLI option, other command line args are ignored.");
  if (overrides.length > 0) log.warning("Config overrides are not supported as of now.");
  const folder = snapshotFolder(path);
  registerHydraResolvers();
  const config = merge(load(join(folder, "hydra.yaml")), load(join(folder, "config.yaml"))) as DictConfig;
  const undoLogging = configureLogging(config, "hydra.job_logging");
  const before = HydraConfig.set(config);
  try {
    const taskConfig = create(load(join(folder, "config.yaml"))) as DictConfig;
    setStruct(taskConfig, true);
    const outputDir = String(select(config, "hydra.runtime.output_dir"));
    const common = {
      overrides: [],
      config: taskConfig,
      hydraConfig: config,
      workingDir: process.cwd(),
      outputDir,
      taskName: String(select(config, "hydra.job.name")),
      endedAt: new Date(),
    };
    try {
      const context = { config, outputDir, originalCwd: process.cwd(), overrides: [], dryRun: false };
      return [{ ...common, status: "COMPLETED", value: await task(taskConfig, context) }];
    } catch (error) {
      throw new JobFailure({ ...common, status: "FAILED", error });
    }
  } finally {
    undoLogging();
    HydraConfig.set(before);
  }
}

/** The `.hydra` folder that a path means: itself, a file in it, or the run directory around it. */
function snapshotFolder(path: string): string {
  const fix = "give a run directory, its .hydra folder, or the config.yaml in there";
  if (!existsSync(path)) throw new HydraError({ code: "hydra/rerun", what: `File ${path} does not exist!`, fix });
  const isFolder = statSync(path).isDirectory();
  const folder = !isFolder ? dirname(path) : basename(path) === ".hydra" ? path : join(path, ".hydra");
  if (existsSync(join(folder, "config.yaml")) && existsSync(join(folder, "hydra.yaml"))) return folder;
  throw new HydraError({ code: "hydra/rerun", what: `there is no saved configuration in ${folder}`, fix });
}
