import { join, relative } from "node:path";
import { CtError, getLogger, isMainProcess } from "@classifier-training/base";
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
import { type Callback, CSVLogger, ModelCheckpoint, TrainingInterrupted } from "@classifier-training/lightning";
import { RunWriter, runPaths, trialKind, writeSplitRecord } from "@classifier-training/runs";
import { manualSeed } from "@classifier-training/torch";
import { BestWeightsCallback } from "../callbacks/best-weights.ts";
import type { ClassificationDataModule } from "../data/classification-datamodule.ts";
import { ImageFolderDataModule } from "../data/image-folder-datamodule.ts";
import type { ClassificationModel } from "../model/classification-model.ts";
import { measureUnfoldedNorms } from "../model/unfolded-norms.ts";
import { summarizeBest } from "./best-summary.ts";
import { buildTrainer } from "./build-trainer.ts";
import { buildCallbacks, buildDataModule, buildLoggers, buildModel, hasLoggers, requireWeights } from "./components.ts";
import { useAllCores } from "./compute-threads.ts";
import { dataRootOf, recordedData } from "./data-root.ts";
import { requireFiniteResult } from "./finite-result.ts";
import { followed, type Lineage, planLineage } from "./lineage.ts";
import { logAsRank, logTo } from "./logging.ts";
import { giveClassPrior, givePreprocessing, warnOfOtherNormalization } from "./model-data.ts";
import { noteOrigins } from "./origins.ts";
import { withRanks } from "./ranks.ts";
import { recordExit } from "./record-on-exit.ts";
import { describedResult, storedResult, type TrainResult } from "./result.ts";
import { isSweepJob } from "./resume.ts";
import { RunPlan } from "./run-plan.ts";
import { checkpointFolder } from "./stored-network.ts";
import { isTrial, trialFolder } from "./trial.ts";
import { completeRun, RefuseUntrained } from "./untrained.ts";

const log = getLogger("classifier.train");

/**
 * Trains as a composed configuration says, in the run directory of a Hydra job. Of the processes of a distributed run,
 * the first writes the directory.
 * @param opened the data, where it was opened to choose the configuration
 */
export async function train(
  config: DictConfig,
  job: JobContext,
  opened?: ClassificationDataModule | undefined,
): Promise<TrainResult> {
  const { outputDir, originalCwd } = job;
  if (!isMainProcess()) {
    logAsRank();
    // The first process of another machine starts the ranks there.
    return withRanks("train", config, () => fit(config, job));
  }
  const endLog = startLog(config, job.config, outputDir);
  const trial = isTrial(config) ? trialFolder(job.config) : undefined;
  const record = RunWriter.open(outputDir, {
    configPath: runPaths.config,
    overridesPath: runPaths.overrides,
    ...recordedData(config),
    ...(trial !== undefined && { kind: trialKind }),
  });
  const undo = recordExit(record);
  try {
    noteOrigins(outputDir, config);
    log.detail(`Configuration:\n${toYaml(config, { maskSecrets: true })}`);
    const result = await withRanks("train", config, () => fit(config, job, record, opened));
    record.update(describedResult(result));
    record.finish("success");
    return result;
  } catch (error) {
    const line = error instanceof Error ? error.message.split("\n")[0] : String(error);
    const complete = completeRun(error, record);
    if (complete !== undefined) {
      if (complete.dir === outputDir) record.finish("success");
      else record.finish("failed", line);
      if (isSweepJob(job)) log.info(`${relative(originalCwd, outputDir)}: this job was complete before`);
      else log.info(complete.why);
      return storedResult(complete.dir, dataRootOf(config));
    }
    record.finish(error instanceof TrainingInterrupted ? "interrupted" : "failed", line);
    throw error;
  } finally {
    undo();
    trial?.remove();
    endLog?.();
  }
}

/** `log_level` decides, unless a custom job logging was chosen. */
function startLog(config: DictConfig, whole: DictConfig, outputDir: string): (() => void) | undefined {
  const choices = select(whole, "hydra.runtime.choices") as DictConfig;
  if (get(choices, "hydra/job_logging") !== "default") return undefined;
  return logTo(join(outputDir, runPaths.log), String(get(config, "log_level", "INFO")));
}

/** Builds all that a training needs, and trains nothing: `--info unused` sees what a configuration's keys are for. */
export async function dryRun(config: DictConfig, job: JobContext): Promise<void> {
  get(config, "log_level", "INFO");
  get(config, "resume", "auto");
  // A download is work, but the key has its effect.
  for (const key of ["pretrained", "weights"]) select(config, `model.${key}`);
  const datamodule = await buildDataModule(config, seedOf(config));
  const { callbacks } = await assemble(datamodule, config, { untrained: true });
  await trainerFor(config, job, callbacks);
}

function seedOf(config: DictConfig): number {
  return Number(get(config, "seed", 42));
}

interface Assembled {
  readonly model: ClassificationModel;
  readonly callbacks: readonly Callback[];
}

/** The parts of a training that a configuration names, ready to begin. */
async function assemble(
  datamodule: ClassificationDataModule,
  config: DictConfig,
  how?: { readonly untrained: boolean },
): Promise<Assembled> {
  manualSeed(seedOf(config));
  useAllCores();
  await datamodule.setup?.("fit");
  const model = await buildModel(config, datamodule, { ...how, checkpoints: [checkpointFolder(config)] });
  model.setClassWeights(datamodule.getClassWeights());
  giveClassPrior(model, datamodule);
  givePreprocessing(model, datamodule);
  warnOfOtherNormalization(model, datamodule);
  return { model, callbacks: await buildCallbacks(config, hasLoggers(config), model.measures.main) };
}

async function trainerFor(config: DictConfig, { outputDir, originalCwd }: JobContext, callbacks: readonly Callback[]) {
  const loggers = isMainProcess()
    ? [...(await buildLoggers(config)), new CSVLogger({ saveDir: outputDir, name: "", version: "" })]
    : [];
  const common = { logger: loggers, default_root_dir: originalCwd };
  if (!isTrial(config)) return buildTrainer(config, { ...common, callbacks });
  // Lightning saves a last checkpoint even then.
  const others = callbacks.filter((callback) => !(callback instanceof ModelCheckpoint));
  return buildTrainer(config, { ...common, callbacks: others, enable_checkpointing: false });
}

async function fit(
  config: DictConfig,
  job: JobContext,
  record?: RunWriter,
  opened?: ClassificationDataModule,
): Promise<TrainResult> {
  const { outputDir } = job;
  const datamodule = await buildDataModule(config, seedOf(config));
  if (opened !== undefined) datamodule.shareOpened(opened);
  requireWeights(config);
  await datamodule.prepareData?.();
  const { model, callbacks } = await assemble(datamodule, config);
  const { splitRecord } = datamodule;
  if (record !== undefined && splitRecord !== undefined) writeSplitRecord(join(outputDir, runPaths.split), splitRecord);
  const checkpointCallbacks = callbacks.filter((callback) => callback instanceof ModelCheckpoint);
  const lineage = (): Lineage => {
    if (isTrial(config)) return { ckptPath: null, run: undefined, resumed: undefined };
    return record === undefined
      ? followed
      : planLineage({ config, job, record, model, datamodule, checkpointCallbacks });
  };
  const { ckptPath, run, resumed } = lineage();
  if (ckptPath === null && model.storedIn !== undefined) throw fileIsGone(model.network, model.storedIn);
  if (model.hasUnfoldedNorms && ckptPath === null && datamodule instanceof ImageFolderDataModule)
    await measureUnfoldedNorms(model, datamodule);
  const ours = [new RefuseUntrained(resumed), ...(record === undefined ? [] : [new RunPlan(record)])];
  const trainer = await trainerFor(config, job, [...ours, ...callbacks]);
  const hyperparams = toContainer(create(maskSecrets(toRaw(config, { resolve: true })))) as Record<string, unknown>;
  for (const logger of trainer.loggers) logger.logHyperparams(hyperparams);
  await trainer.fit(model, { datamodule, ckptPath, run });
  const [checkpointCallback] = checkpointCallbacks;
  requireFiniteResult(trainer, checkpointCallback);
  const bestCheckpoint = checkpointCallback?.bestModelPath || undefined;
  const chooser = callbacks.find((callback) => callback instanceof BestWeightsCallback);
  return {
    outputDir,
    metrics: trainer.callbackMetrics,
    bestCheckpoint,
    bestWeights: chooser?.chosen,
    measured: chooser?.measured ?? 0,
    inputSize: chooser?.inputSize,
    bestScore: checkpointCallback?.bestModelScore ?? undefined,
    validationSamples: model.evaluatedSamples.val,
    monitor: checkpointCallback?.options.monitor ?? "",
    mode: checkpointCallback?.options.mode ?? "max",
    summary:
      isMainProcess() && !isTrial(config) ? summarizeBest(outputDir, callbacks, datamodule, bestCheckpoint) : undefined,
    dataRoot: dataRootOf(config),
    folds: splitRecord?.by.folds,
    valFrom: splitRecord?.by.valFrom,
    isTrial: isTrial(config),
  };
}

/** A checkpoint has the network of a model file with trained weights: to begin with them would be another training. */
function fileIsGone(file: string, checkpoint: string): CtError {
  return new CtError({
    code: "classifier/model-file-missing",
    what: `the model file ${file} is gone, and there is no training of it to resume`,
    where: "model.path",
    fix: `put it back; its network in ${checkpoint} is a trained one: the run's model.onnx as model.path trains that further`,
  });
}
