import { getLogger } from "@classifier-training/base";
import { type DictConfig, get, type JobContext } from "@classifier-training/hydra";
import { CSVLogger, isMainProcess, ModelCheckpoint, TrainingInterrupted } from "@classifier-training/lightning";
import { RunWriter, runPaths } from "@classifier-training/runs";
import { manualSeed } from "@classifier-training/torch";
import { buildTrainer } from "./build-trainer.ts";
import { bestCheckpointIn } from "./checkpoints.ts";
import { buildCallbacks, buildDataModule, buildModel } from "./components.ts";
import { useAllCores } from "./compute-threads.ts";
import { logAsRank } from "./logging.ts";

const log = getLogger("classifier.evaluate");

/**
 * Measures a checkpoint on the validation or test split, with the callbacks of the configuration.
 * @param ckptPath a file; by default the best checkpoint of the checkpoint callback's folder
 */
export async function evaluateConfig(
  config: DictConfig,
  job: JobContext,
  fn: "validate" | "test",
  ckptPath: string | undefined,
): Promise<Readonly<Record<string, number>>> {
  if (!isMainProcess()) {
    logAsRank();
    return evaluate(config, job, fn, ckptPath);
  }
  const record = RunWriter.open(job.outputDir, {
    kind: fn,
    configPath: runPaths.config,
    overridesPath: runPaths.overrides,
  });
  try {
    const metrics = await evaluate(config, job, fn, ckptPath);
    record.finish("success");
    return metrics;
  } catch (error) {
    const interrupted = error instanceof TrainingInterrupted;
    record.finish(interrupted ? "interrupted" : "failed", String((error as Error).message).split("\n")[0]);
    throw error;
  }
}

async function evaluate(
  config: DictConfig,
  { outputDir, originalCwd }: JobContext,
  fn: "validate" | "test",
  ckptPath: string | undefined,
): Promise<Readonly<Record<string, number>>> {
  const seed = Number(get(config, "seed", 42));
  manualSeed(seed);
  useAllCores();
  const datamodule = await buildDataModule(config, seed);
  await datamodule.setup?.(fn);
  const model = await buildModel(config, datamodule.numClasses, { pretrained: false });
  const callbacks = await buildCallbacks(config, false);
  const folder = callbacks.find((callback) => callback instanceof ModelCheckpoint)?.options.dirpath ?? "checkpoints";
  const checkpoint = ckptPath ?? bestCheckpointIn(folder);
  log.info(`${fn} with ${checkpoint}`);
  const trainer = buildTrainer(config, {
    callbacks,
    logger: isMainProcess() ? [new CSVLogger({ saveDir: outputDir, name: "", version: "" })] : [],
    default_root_dir: originalCwd,
  });
  const [metrics = {}] = await trainer[fn](model, { datamodule, ckptPath: checkpoint });
  return metrics;
}
