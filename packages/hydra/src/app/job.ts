import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { maskText } from "@classifier-training/base";
import { HydraConfig, withoutHydraCopy } from "../compose/runtime.ts";
import type { DictConfig, ListConfig } from "../omegaconf/containers.ts";
import { openDict, readWrite } from "../omegaconf/flags.ts";
import { resolve as resolveInPlace } from "../omegaconf/in-place.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { selectNode, selectRaw } from "../omegaconf/select.ts";
import { toRaw } from "../omegaconf/to-container.ts";
import type { Callbacks } from "./callbacks.ts";
import { configureLogging, logToFiles } from "./logging.ts";
import { rootFileTargets, saveSnapshots } from "./snapshots.ts";
import type { ClaimDirectory, JobContext, JobReturn, TaskFunction } from "./task.ts";

export interface RunJobOptions<T> {
  readonly config: DictConfig;
  readonly task: TaskFunction<T>;
  readonly callbacks: Callbacks;
  /** Key of the run directory, and of what comes below it. */
  readonly dirKey: "hydra.run.dir" | "hydra.sweep.dir";
  readonly subdirKey?: "hydra.sweep.subdir";
  readonly claimDirectory?: ClaimDirectory | undefined;
}

/** Runs a task in its run directory, with its snapshots, its logging and its environment. */
export async function runJob<T>(options: RunJobOptions<T>): Promise<JobReturn<T>> {
  const { config, task, callbacks, claimDirectory } = options;
  const originalCwd = process.cwd();
  const before = HydraConfig.set(config);
  const planned = resolve(jobDirectory(options));
  setOutputDir(config, planned);
  const environment = selectNode(config, "hydra.job.env_set") as DictConfig;
  resolveInPlace(environment);
  const overrides = toRaw(selectNode(config, "hydra.overrides.task") as ListConfig) as string[];
  const taskConfig = withoutHydraCopy(config);
  const changesDirectory = selectRaw(config, "hydra.job.chdir") === true;
  rootFileTargets(taskConfig, changesDirectory ? undefined : originalCwd);
  const outputDir = claimDirectory?.(planned, taskConfig) ?? planned;
  if (outputDir !== planned) setOutputDir(config, outputDir);
  mkdirSync(outputDir, { recursive: true });
  if (changesDirectory) process.chdir(outputDir);
  const undoLogging = configureLogging(config, "hydra.job_logging");
  const restoreEnvironment = setEnvironment(environment);
  try {
    saveSnapshots(config, taskConfig, overrides);
    const context: JobContext = { config, outputDir, originalCwd, overrides, dryRun: false };
    await callbacks.onJobStart(config, task);
    const outcome = await attempt(task, taskConfig, context);
    const job: JobReturn<T> = {
      overrides,
      config: taskConfig,
      hydraConfig: config,
      workingDir: process.cwd(),
      outputDir,
      taskName: pythonStr(selectRaw(config, "hydra.job.name")),
      endedAt: new Date(),
      ...outcome,
    };
    await callbacks.onJobEnd(config, job);
    return job;
  } finally {
    restoreEnvironment();
    undoLogging();
    HydraConfig.set(before);
    if (changesDirectory) process.chdir(originalCwd);
  }
}

async function attempt<T>(task: TaskFunction<T>, config: DictConfig, context: JobContext) {
  try {
    return { status: "COMPLETED", value: await task(config, context) } as const;
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    logToFiles({
      level: "ERROR",
      time: new Date(),
      name: "hydra.core.utils",
      message: maskText(`Job failed\n${text}`),
    });
    return { status: "FAILED", error } as const;
  }
}

function setOutputDir(config: DictConfig, outputDir: string): void {
  const runtime = selectNode(config, "hydra.runtime") as DictConfig;
  readWrite(runtime, () => openDict(runtime, () => runtime.set("output_dir", outputDir)));
}

function jobDirectory<T>({ config, dirKey, subdirKey }: RunJobOptions<T>): string {
  const folder = pythonStr(selectRaw(config, dirKey));
  return subdirKey === undefined ? folder : join(folder, pythonStr(selectRaw(config, subdirKey)));
}

function setEnvironment(environment: DictConfig): () => void {
  const values = toRaw(environment, { resolve: true }) as Map<string, unknown>;
  const before = new Map([...values.keys()].map((name) => [name, process.env[name]]));
  for (const [name, value] of values) process.env[name] = pythonStr(value);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}
