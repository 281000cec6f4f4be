import { existsSync } from "node:fs";
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
import {
  type Callback,
  CSVLogger,
  inspectCheckpoint,
  ModelCheckpoint,
  TrainingInterrupted,
} from "@classifier-training/lightning";
import {
  type RunRecordInput,
  RunWriter,
  runPaths,
  trialKind,
  type WeightsName,
  writeSplitRecord,
} from "@classifier-training/runs";
import { manualSeed } from "@classifier-training/torch";
import { BestWeightsCallback } from "../callbacks/best-weights.ts";
import type { ClassificationDataModule } from "../data/classification-datamodule.ts";
import type { PredictionSummary } from "../evaluation/summary.ts";
import type { ClassificationModel } from "../model/classification-model.ts";
import { summarizeBest } from "./best-summary.ts";
import { buildTrainer } from "./build-trainer.ts";
import { buildCallbacks, buildDataModule, buildLoggers, buildModel, hasLoggers } from "./components.ts";
import { useAllCores } from "./compute-threads.ts";
import { requireFiniteResult } from "./finite-result.ts";
import { followed, type Lineage, planLineage } from "./lineage.ts";
import { logAsRank, logTo } from "./logging.ts";
import { withRanks } from "./ranks.ts";
import { recordExit } from "./record-on-exit.ts";
import { isSweepJob } from "./resume.ts";
import { isTrial, trialFolder } from "./trial.ts";
import { RefuseUntrained } from "./untrained.ts";

/** What a training left behind. */
export interface TrainResult {
  /** The run directory. */
  readonly outputDir: string;
  /** The last values of all metrics. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly bestCheckpoint: string | undefined;
  /** Which of its weights were best, when they were compared. */
  readonly bestWeights: WeightsName | undefined;
  /** How many sets of weights and input sizes the best was chosen of, on validation. */
  readonly measured: number;
  /** Width and height of the exported model's input in pixels, where another size than the training's was better. */
  readonly inputSize: number | undefined;
  /** The best value of what the checkpoint callback monitors. */
  readonly bestScore: number | undefined;
  /** Samples of the last validation: what an accuracy rests on. */
  readonly validationSamples: number;
  /** The metric of `bestScore`. */
  readonly monitor: string;
  readonly mode: "min" | "max";
  /** What the best weights said of validation. */
  readonly summary: PredictionSummary | undefined;
  /** The data, as the configuration names it. */
  readonly dataRoot: string | undefined;
  /** A `fast_dev_run`: it leaves no result. */
  readonly isTrial: boolean;
}

const log = getLogger("classifier.train");

/**
 * Trains as a composed configuration says, in the run directory of a Hydra job. Of the processes of a distributed run,
 * the first writes the directory.
 */
export async function train(config: DictConfig, job: JobContext): Promise<TrainResult> {
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
    ...(trial !== undefined && { kind: trialKind }),
  });
  const undo = recordExit(record);
  try {
    log.detail(`Configuration:\n${toYaml(config, { maskSecrets: true })}`);
    const result = await withRanks("train", config, () => fit(config, job, record));
    record.update(described(result));
    record.finish("success");
    return result;
  } catch (error) {
    const line = error instanceof Error ? error.message.split("\n")[0] : String(error);
    if (isComplete(error, record)) {
      record.finish("success");
      if (!isSweepJob(job)) throw error;
      log.info(`${relative(originalCwd, outputDir)}: this job was complete before`);
      return earlierResult(record);
    }
    record.finish(error instanceof TrainingInterrupted ? "interrupted" : "failed", line);
    throw error;
  } finally {
    undo();
    trial?.remove();
    endLog?.();
  }
}

/** Whether there was nothing left to do in a directory, whose run stays a success; a sweep that is run again skips such a job. */
function isComplete(error: unknown, { statusBefore }: RunWriter): boolean {
  return CtError.is(error) && error.code === "classifier/untrained" && statusBefore === "success";
}

function earlierResult({ dir, record }: RunWriter): TrainResult {
  const { checkpointPath, best, monitor } = record;
  return {
    outputDir: dir,
    metrics: {},
    bestCheckpoint: checkpointPath && join(dir, checkpointPath),
    bestWeights: record.bestWeights,
    measured: 0,
    inputSize: undefined,
    bestScore: best?.value,
    validationSamples: 0,
    monitor: monitor?.name ?? "",
    mode: monitor?.mode ?? "max",
    summary: undefined,
    dataRoot: undefined,
    isTrial: false,
  };
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
  const model = await buildModel(config, datamodule, how);
  model.setClassWeights(datamodule.getClassWeights());
  model.setClassCounts(datamodule.classCounts());
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

async function fit(config: DictConfig, job: JobContext, record?: RunWriter): Promise<TrainResult> {
  const { outputDir } = job;
  const datamodule = await buildDataModule(config, seedOf(config));
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
  const trainer = await trainerFor(config, job, [new RefuseUntrained(resumed), ...callbacks]);
  const hyperparams = toContainer(create(maskSecrets(toRaw(config, { resolve: true })))) as Record<string, unknown>;
  for (const logger of trainer.loggers) logger.logHyperparams(hyperparams);
  await trainer.fit(model, { datamodule, ckptPath, run });
  const [checkpointCallback] = checkpointCallbacks;
  requireFiniteResult(trainer, checkpointCallback);
  const bestCheckpoint = checkpointCallback?.bestModelPath || undefined;
  const chooser = callbacks.find((callback) => callback instanceof BestWeightsCallback);
  const dataRoot = select(config, "data.data_root");
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
    dataRoot: typeof dataRoot === "string" ? dataRoot : undefined,
    isTrial: isTrial(config),
  };
}

/** What the run's record says of the result, for the dashboard and for later commands. */
function described(result: TrainResult): Partial<RunRecordInput> {
  const { outputDir, bestCheckpoint, bestWeights, bestScore, monitor, mode } = result;
  return {
    ...(existsSync(join(outputDir, runPaths.model)) && { modelPath: runPaths.model, labelsPath: runPaths.labels }),
    ...(bestCheckpoint !== undefined &&
      existsSync(bestCheckpoint) && {
        checkpointPath: relative(outputDir, bestCheckpoint),
        checkpointHash: inspectCheckpoint(bestCheckpoint).weightsSha256,
      }),
    ...(bestWeights !== undefined && { bestWeights }),
    ...(bestScore !== undefined && { best: { value: bestScore }, monitor: { name: monitor, mode } }),
  };
}
