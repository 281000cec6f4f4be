import { resolve } from "node:path";
import { getLogger, isMainProcess } from "@classifier-training/base";
import { type DictConfig, get, type JobContext } from "@classifier-training/hydra";
import { CSVLogger, ModelCheckpoint, summaryOf, TrainingInterrupted } from "@classifier-training/lightning";
import { RunWriter, runPaths } from "@classifier-training/runs";
import { manualSeed } from "@classifier-training/torch";
import { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import { buildTrainer } from "./build-trainer.ts";
import { bestCheckpointIn, checkpointOfRun, evaluationSizeOf } from "./checkpoints.ts";
import { buildCallbacks, buildDataModule, buildModel } from "./components.ts";
import { useAllCores } from "./compute-threads.ts";
import { recordedData } from "./data-root.ts";
import { logAsRank } from "./logging.ts";
import { givePreprocessing } from "./model-data.ts";
import { withRanks } from "./ranks.ts";
import { recordedSplitOf } from "./recorded-split.ts";
import { checkpointFolder } from "./stored-network.ts";

const log = getLogger("classifier.evaluate");

/** What `validate` and `test` measure: a file, the best checkpoint of a run, or by default that of the configuration's folder. */
export interface EvaluatedModel {
  readonly checkpoint: string | undefined;
  /** A run directory. */
  readonly run: string | undefined;
}

/** Measures a checkpoint on the validation or test split, with the callbacks of the configuration. */
export async function evaluateConfig(
  config: DictConfig,
  job: JobContext,
  fn: "validate" | "test",
  wanted: EvaluatedModel,
): Promise<Readonly<Record<string, number>>> {
  if (!isMainProcess()) {
    logAsRank();
    return evaluate(config, job, fn, wanted);
  }
  const record = RunWriter.open(job.outputDir, {
    kind: fn,
    configPath: runPaths.config,
    overridesPath: runPaths.overrides,
    ...recordedData(config),
  });
  try {
    const metrics = await evaluate(config, job, fn, wanted);
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
  { checkpoint: given, run }: EvaluatedModel,
): Promise<Readonly<Record<string, number>>> {
  const named = given ?? (run === undefined ? undefined : checkpointOfRun(run));
  const seed = Number(get(config, "seed", 42));
  manualSeed(seed);
  useAllCores();
  const datamodule = await buildDataModule(config, seed);
  const measured = run ?? named;
  const split = measured === undefined ? undefined : recordedSplitOf(measured);
  if (split !== undefined) datamodule.useRecordedSplit(split);
  await datamodule.setup?.(fn);
  const checkpoints = [named ?? checkpointFolder(config)];
  const model = await buildModel(config, datamodule, { untrained: true, checkpoints });
  givePreprocessing(model, datamodule);
  const callbacks = await buildCallbacks(config, false, model.measures.main);
  const folder =
    callbacks.find((callback) => callback instanceof ModelCheckpoint)?.options.dirpath ?? runPaths.checkpoints;
  const checkpoint = named ?? bestCheckpointIn(folder);
  const size = evaluationSizeOf(checkpoint);
  if (size !== undefined && datamodule instanceof ImageFolderDataModule) datamodule.setEvaluationSize(size);
  const owner = summaryOf(checkpoint)?.runId;
  log.info(`${fn} with ${checkpoint}${owner === undefined ? "" : ` of run ${owner}`}`);
  const trainer = await buildTrainer(config, {
    callbacks,
    logger: isMainProcess() ? [new CSVLogger({ saveDir: outputDir, name: "", version: "" })] : [],
    default_root_dir: originalCwd,
  });
  const [metrics = {}] = await withRanks(
    fn,
    config,
    () => trainer[fn](model, { datamodule, ckptPath: checkpoint }),
    () => ["--ckpt", resolve(checkpoint)],
  );
  return metrics;
}
