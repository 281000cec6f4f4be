import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { getLogger } from "@classifier-training/base";
import {
  create,
  type DictConfig,
  get,
  type JobContext,
  maskSecrets,
  select,
  toContainer,
  toRaw,
  toYaml,
} from "@classifier-training/hydra";
import { CSVLogger, isMainProcess, ModelCheckpoint } from "@classifier-training/lightning";
import { type RunRecordInput, RunWriter, runPaths } from "@classifier-training/runs";
import { manualSeed } from "@classifier-training/torch";
import { BestWeightsCallback } from "../callbacks/best-weights.ts";
import type { WeightsName } from "../callbacks/weight-candidates.ts";
import type { ClassificationDataModule } from "../data/classification-datamodule.ts";
import { buildTrainer } from "./build-trainer.ts";
import { buildCallbacks, buildDataModule, buildLoggers, buildModel, hasLoggers } from "./components.ts";
import { useAllCores } from "./compute-threads.ts";
import { logAsRank, logTo, type RunLog } from "./logging.ts";

/** What a training left behind. */
export interface TrainResult {
  /** The run directory. */
  readonly outputDir: string;
  /** The last values of all metrics. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly bestCheckpoint: string | undefined;
  /** Which of its weights were best, when they were compared. */
  readonly bestWeights: WeightsName | undefined;
  /** The best value of what the checkpoint callback monitors. */
  readonly bestScore: number | undefined;
  /** Samples of the last validation: what an accuracy rests on. */
  readonly validationSamples: number;
  /** The metric of `bestScore`. */
  readonly monitor: string;
  readonly mode: "min" | "max";
}

const log = getLogger("classifier.train");

/**
 * Trains as a composed configuration says, in the run directory of a Hydra job. Of the processes of a distributed run,
 * the first writes the directory.
 */
export async function train(
  config: DictConfig,
  { outputDir, originalCwd, config: whole }: JobContext,
): Promise<TrainResult> {
  if (!isMainProcess()) {
    logAsRank();
    return fit(config, outputDir, originalCwd);
  }
  const runLog = startLog(config, whole, outputDir);
  const record = RunWriter.open(outputDir, { configPath: runPaths.config, overridesPath: runPaths.overrides });
  try {
    const text = `Configuration:\n${toYaml(config, { maskSecrets: true })}`;
    const file = relative(originalCwd, join(outputDir, runPaths.config));
    if (runLog === undefined) log.info(text);
    else runLog.long("classifier.train", text, `configuration: ${file} (--cfg job shows it)`);
    const result = await fit(config, outputDir, originalCwd);
    record.update(described(result));
    record.finish("success");
    return result;
  } catch (error) {
    record.finish("failed", error instanceof Error ? error.message.split("\n")[0] : String(error));
    throw error;
  } finally {
    runLog?.end();
  }
}

/** `log_level` decides, unless a job logging of one's own was chosen. */
function startLog(config: DictConfig, whole: DictConfig, outputDir: string): RunLog | undefined {
  const choices = select(whole, "hydra.runtime.choices") as DictConfig;
  if (get(choices, "hydra/job_logging") !== "default") return undefined;
  return logTo(join(outputDir, runPaths.log), String(get(config, "log_level", "INFO")));
}

/** Builds all that a training needs, and trains nothing: `--info unused` sees what a configuration's keys are for. */
export async function dryRun(config: DictConfig, { outputDir, originalCwd }: JobContext): Promise<void> {
  get(config, "log_level", "INFO");
  // A download is work, but the key has its effect.
  select(config, "model.pretrained");
  await assemble(await buildDataModule(config, seedOf(config)), config, outputDir, originalCwd, { pretrained: false });
}

function seedOf(config: DictConfig): number {
  return Number(get(config, "seed", 42));
}

/** The parts of a training, ready to begin. */
async function assemble(
  datamodule: ClassificationDataModule,
  config: DictConfig,
  outputDir: string,
  workingDir: string,
  changes: Readonly<Record<string, unknown>> = {},
) {
  manualSeed(seedOf(config));
  useAllCores();
  await datamodule.setup?.("fit");
  const model = await buildModel(config, datamodule.numClasses, changes);
  model.setClassWeights(datamodule.getClassWeights());
  const loggers = isMainProcess()
    ? [...(await buildLoggers(config)), new CSVLogger({ saveDir: outputDir, name: "", version: "" })]
    : [];
  const callbacks = await buildCallbacks(config, hasLoggers(config));
  const trainer = buildTrainer(config, {
    callbacks,
    logger: loggers,
    default_root_dir: workingDir,
  });
  return { model, callbacks, trainer };
}

async function fit(config: DictConfig, outputDir: string, workingDir: string): Promise<TrainResult> {
  const datamodule = await buildDataModule(config, seedOf(config));
  await datamodule.prepareData?.();
  const { model, callbacks, trainer } = await assemble(datamodule, config, outputDir, workingDir);
  const checkpoint = callbacks.find((callback) => callback instanceof ModelCheckpoint);
  const hyperparams = toContainer(create(maskSecrets(toRaw(config, { resolve: true })))) as Record<string, unknown>;
  for (const logger of trainer.loggers) logger.logHyperparams(hyperparams);
  // A debugging run of a few batches neither continues a real run nor leaves anything to continue.
  const ckptPath = trainer.fastDevRun === false ? "last" : null;
  await trainer.fit(model, { datamodule, ckptPath });
  if (trainer.globalStep > 0 && trainer.globalStep === trainer.resumedStep) {
    log.warning(
      `nothing was trained: ${trainer.ckptPath ?? "the checkpoint"} had reached trainer.max_epochs=${trainer.maxEpochs} already. Raise it, or move the checkpoints away to start anew.`,
    );
  }
  return {
    outputDir,
    metrics: trainer.callbackMetrics,
    bestCheckpoint: checkpoint?.bestModelPath || undefined,
    bestWeights: callbacks.find((callback) => callback instanceof BestWeightsCallback)?.chosen,
    bestScore: checkpoint?.bestModelScore ?? undefined,
    validationSamples: model.evaluatedSamples.val,
    monitor: checkpoint?.options.monitor ?? "",
    mode: checkpoint?.options.mode ?? "max",
  };
}

/** What the run's record says of the result, for the dashboard and for later commands. */
function described(result: TrainResult): Partial<RunRecordInput> {
  const { outputDir, bestCheckpoint, bestWeights, bestScore, monitor, mode } = result;
  return {
    ...(existsSync(join(outputDir, runPaths.model)) && { modelPath: runPaths.model, labelsPath: runPaths.labels }),
    ...(bestCheckpoint !== undefined && { checkpointPath: relative(outputDir, bestCheckpoint) }),
    ...(bestWeights !== undefined && { bestWeights }),
    ...(bestScore !== undefined && { best: { value: bestScore }, monitor: { name: monitor, mode } }),
  };
}
