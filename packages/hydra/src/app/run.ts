import { resolve } from "node:path";
import type { LoadedConfiguration } from "../compose/loader.ts";
import { type DictConfig, ListConfig } from "../omegaconf/containers.ts";
import { setReadonly } from "../omegaconf/flags.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { selectNode, selectRaw } from "../omegaconf/select.ts";
import { toRaw } from "../omegaconf/to-container.ts";
import { textOverride } from "../overrides/index.ts";
import { Callbacks } from "./callbacks.ts";
import { JobFailure } from "./failure.ts";
import type { Invocation } from "./invocation.ts";
import { runJob } from "./job.ts";
import { configureLogging } from "./logging.ts";
import { createSweeper } from "./plugins.ts";
import type { JobReturn } from "./task.ts";

/** Runs one job. @throws JobFailure when its task throws */
export async function run<T>(
  invocation: Invocation<T>,
  overrides: readonly string[],
  composed?: LoadedConfiguration,
): Promise<JobReturn<T>[]> {
  const { loader, configName, task, claimDirectory } = invocation;
  const loaded = composed ?? loader.load({ configName, overrides, runMode: "RUN" });
  const { config } = loaded;
  const undoLogging = configureLogging(config, "hydra.hydra_logging");
  try {
    await debugInfo(invocation, config);
    await warnOfTypos(loaded);
    const callbacks = await Callbacks.of(config);
    await callbacks.onRunStart(config);
    const job = await runJob({ config, task, callbacks, dirKey: "hydra.run.dir", claimDirectory });
    await callbacks.onRunEnd(config, job);
    if (job.status === "FAILED") throw new JobFailure(job);
    return [job];
  } finally {
    undoLogging();
  }
}

/** Runs the jobs of a sweep. @throws JobFailure when one of them fails */
export async function multirun<T>(invocation: Invocation<T>, overrides: readonly string[]): Promise<JobReturn<T>[]> {
  const { loader, configName, task, claimDirectory } = invocation;
  const loaded = loader.load({ configName, overrides, runMode: "MULTIRUN" });
  const { config } = loaded;
  const undoLogging = configureLogging(config, "hydra.hydra_logging");
  try {
    await debugInfo(invocation, config);
    await warnOfTypos(loaded);
    const callbacks = await Callbacks.of(config);
    await callbacks.onMultirunStart(config);
    setReadonly(selectNode(config, "hydra") as DictConfig, false);
    claimSweep(invocation, config);
    const sweeper = await createSweeper({ loader, loaded, callbacks, task, configName, claimDirectory });
    const taskOverrides = toRaw(selectNode(config, "hydra.overrides.task") as ListConfig) as string[];
    const batches = await sweeper.sweep(taskOverrides);
    await callbacks.onMultirunEnd(config);
    return batches.flat() as JobReturn<T>[];
  } finally {
    undoLogging();
  }
}

/** Where another sweep has its directory, an override moves this one and all of its jobs. */
function claimSweep<T>({ claimSweepDirectory }: Invocation<T>, config: DictConfig): void {
  const planned = resolve(pythonStr(selectRaw(config, "hydra.sweep.dir")));
  const claimed = claimSweepDirectory?.(planned) ?? planned;
  if (claimed === planned) return;
  (selectNode(config, "hydra.overrides.hydra") as ListConfig).append(textOverride("hydra.sweep.dir", claimed));
  (selectNode(config, "hydra.sweep") as DictConfig).set("dir", claimed);
}

/** With `hydra.verbose=true`, everything that `--info all` shows goes to Hydra's log first. */
async function debugInfo<T>(invocation: Invocation<T>, config: DictConfig) {
  const verbose = selectNode(config, "hydra.verbose") as { value?: unknown } | undefined;
  const isVerbose =
    verbose?.value === true ||
    verbose?.value === "hydra" ||
    (verbose instanceof ListConfig && (toRaw(verbose) as unknown[]).includes("hydra"));
  if (isVerbose) (await import("./info.ts")).logAllInfo(invocation);
}

/** Warns of `+key=value` where the target of the configuration has no such option. */
async function warnOfTypos({ config, overrides }: LoadedConfiguration) {
  if (!overrides.some(({ type, keyOrGroup }) => /ADD$/.test(type) && keyOrGroup.includes("."))) return;
  const { addedUnknownOptions, issueText } = await import("./check.ts");
  for (const issue of await addedUnknownOptions(config, overrides)) {
    process.stderr.write(`WARNING: ${issueText(issue)}\n`);
  }
}
