import { type DictConfig, Float, isInt, maskSecrets, toRaw } from "@classifier-training/hydra";

/** Keys of `trainer` that say how long, where and how loudly it trains, and not what. */
const trainerKeys = [
  ...["max_epochs", "min_epochs", "max_steps", "min_steps", "max_time", "fast_dev_run"],
  ...["accelerator", "devices", "num_nodes", "strategy", "benchmark", "deterministic", "inference_mode"],
  ...["logger", "callbacks", "profiler", "detect_anomaly", "default_root_dir", "log_every_n_steps"],
  ...["enable_progress_bar", "enable_model_summary", "enable_checkpointing", "enable_autolog_hparams"],
  ...["num_sanity_val_steps", "val_check_interval", "check_val_every_n_epoch"],
  ...["limit_test_batches", "limit_predict_batches", "suggest_integrations", "model_registry"],
  ...["on_signal", "async_checkpointing", "checkpoint_every_minutes"],
];

/** Keys of `data` that say how fast samples come. */
const dataKeys = [
  ...["num_workers", "pin_memory", "persistent_workers", "prefetch_factor", "multiprocessing_context", "timeout"],
  ...["use_cache", "cache_type", "cache_dir"],
];

/** Keys of `data` that decide nothing where they are null: configurations of earlier versions do not have them. */
const splitKeys = [
  "val_fraction",
  "test_fraction",
  "val_from",
  "folds",
  "fold",
  "group",
  "near_duplicates",
  "split_seed",
];

/** Keys of the whole configuration that no part of a training reads, or that name and place a run. */
const topKeys = [
  ...["hydra", "resume", "ckpt_path", "log_level", "logging", "logger"],
  ...["paths", "extras", "tags", "task_name", "experiment_name", "print_config", "train", "test"],
];

/** Callbacks that watch, draw, save, export or end a training. All others change what is trained. */
const watchingCallbacks = new Set([
  ...["ModelCheckpoint", "EarlyStopping", "Timer", "FitToTime", "LearningRateMonitor"],
  ...["DeviceStatsMonitor", "SystemMetricsMonitor"],
  ...["DeterminismLog", "ReplayCertificate"],
  ...["ModelSummary", "RichModelSummary", "ProgressBar", "RichProgressBar", "TQDMProgressBar", "HistogramCallback"],
  ...["BestWeightsCallback", "ONNXExportCallback", "ClassificationReportCallback", "ConfusionMatrixCallback"],
  ...["GradCAMCallback", "ModelInfoCallback", "SampleVisualizationCallback", "SamplerDistributionCallback"],
  ...["DataCheckCallback", "DatasetStatisticsCallback", "TrainingHistoryCallback"],
]);

/** Where `1` (one batch) and `1.0` (all of them) are two things. */
const batchLimits = /^trainer\.(limit_\w+_batches|overfit_batches)$/;

export interface SignaturePlaces {
  /** The run directory: each run has another one. */
  readonly outputDir: string;
  /** Paths below it are compared as relative ones, so that a moved project is the same one. */
  readonly workingDir: string;
  /** Whether the data's signature covers its content, wherever it lies. */
  readonly hasDataSignature: boolean;
}

/**
 * What a composed configuration trains: its values by dotted key, without those that decide how long, where, how fast and
 * with what report. Two runs of the same signature on the same data are the same experiment.
 */
export function configSignature(config: DictConfig, places: SignaturePlaces): Record<string, unknown> {
  const signature: Record<string, unknown> = {};
  const walk = (value: unknown, written: unknown, path: readonly string[]) => {
    if (isLeftOut(path, value, places)) return;
    const inner = (key: string | number) =>
      written instanceof Map ? written.get(key) : Array.isArray(written) ? written[Number(key)] : undefined;
    if (value instanceof Map && value.size > 0) {
      for (const [key, child] of value) walk(child, inner(key as string), [...path, String(key)]);
    } else if (Array.isArray(value) && value.length > 0) {
      for (const [i, child] of value.entries()) walk(child, inner(i), [...path, String(i)]);
    } else signature[path.join(".")] = leaf(value, written, path.join("."), places);
  };
  walk(maskSecrets(toRaw(config, { resolve: true })), toRaw(config), []);
  return signature;
}

function isLeftOut(path: readonly string[], value: unknown, { hasDataSignature }: SignaturePlaces): boolean {
  const [group, key = ""] = path;
  if (group === undefined) return false;
  if (path.length === 1) return topKeys.includes(group);
  if (group === "trainer") return path.length === 2 && trainerKeys.includes(key);
  if (group === "callbacks") return path.length === 2 && isWatching(value);
  if (group === "model") return path.length === 2 && (key === "num_classes" || (key === "weights" && value === null));
  if (group === "data" || group === "datamodule") {
    const name = path.at(-1) as string;
    if (value === null && splitKeys.includes(name)) return true;
    return dataKeys.includes(name) || (hasDataSignature && name === "data_root");
  }
  return false;
}

/** Whether an entry of `callbacks` is off, or one that only watches. */
function isWatching(entry: unknown): boolean {
  if (entry === null || entry === undefined) return true;
  const target = entry instanceof Map ? String(entry.get("_target_") ?? "") : "";
  return watchingCallbacks.has(target.split(/[.#]/).at(-1) ?? "");
}

function leaf(value: unknown, written: unknown, path: string, { outputDir, workingDir }: SignaturePlaces): unknown {
  // A time or the run's own directory, each time another one.
  if (typeof written === "string" && /\$\{(now|hydra):/.test(written)) return written;
  if (value instanceof Float) return batchLimits.test(path) ? value.toString() : value.value;
  if (isInt(value)) return Number(value);
  if (value instanceof Map) return {};
  if (typeof value !== "string") return value;
  return value.replaceAll(outputDir, "<run directory>").replaceAll(`${workingDir}/`, "");
}
