import type { EvaluationSplit } from "@classifier-training/base";

/** Extension of a checkpoint file. */
export const checkpointExtension = ".ckpt";

/** Files and folders of a run directory, relative to it. */
export const runPaths = {
  record: "run.json",
  metrics: "metrics.csv",
  /** When which step was reached. */
  timeline: "timeline.csv",
  /** Load and memory of the machine, and how fast images came, by the clock. */
  system: "system.csv",
  /** What people note about a run: name, tags, notes. */
  annotations: "annotations.json",
  hparams: "hparams.yaml",
  log: "train.log",
  hydra: ".hydra",
  config: ".hydra/config.yaml",
  overrides: ".hydra/overrides.yaml",
  /** Where each value of the configuration was set. */
  origins: ".hydra/origins.json",
  labels: "labels_mapping.json",
  model: "model.onnx",
  bestWeights: "best_weights.json",
  bestWeightsTensors: "best_weights.safetensors",
  determinismLog: "replay.jsonl",
  /** How the images were split, of a run that split them. */
  split: "split.json",
  /** Where the run's network sees its images, in two dimensions: `classifier data map` writes it. */
  embeddingsMap: "embeddings_map.json",
  history: "training_history",
  checkpoints: "checkpoints",
  /** Of a sweep's directory, written by Hydra. */
  sweepConfig: "multirun.yaml",
  /** Of a sweep's directory, while the sweep is running. */
  sweepClaim: ".sweep.json",
} as const;

/** In a folder of checkpoints. */
export const checkpointPaths = {
  last: `last${checkpointExtension}`,
  /** Which runs wanted to keep theirs there. */
  runs: "runs.jsonl",
  /** What commands that trained there chose for themselves. */
  decisions: "decisions.json",
} as const;

/** In the folder of one evaluation. */
export const evaluationPaths = {
  predictions: "predictions.csv",
  misclassified: "misclassified.csv",
  /** Of a multilabel model's predictions: `logits` [N, K] in the order of the table, with classes and thresholds. */
  labelLogits: "label_logits.safetensors",
  classReport: "class_report.csv",
  confusionMatrix: "confusion_matrix.png",
  confusionCounts: "confusion_matrix.csv",
  samplePredictions: "sample_predictions.png",
  gradCam: "grad_cam.png",
  reliability: "reliability.png",
  riskCoverage: "risk_coverage.png",
} as const;

/** In the folder of plots over epochs. */
export const historyPaths = {
  loss: "loss_history.png",
  accuracy: "accuracy_history.png",
} as const;

/** In the folder or zip archive of a bundle. */
export const bundlePaths = {
  manifest: "bundle.json",
  model: runPaths.model,
  labels: runPaths.labels,
  golden: "golden",
} as const;

/** A smaller form of the exported model, beside it: `model_fp16.onnx`. */
export function modelVariantFile(variant: string): string {
  return runPaths.model.replace(/(?=\.)/, `_${variant}`);
}

/** The folder of a validation during training: `epoch_007`. @param epoch counted from 0 */
export function epochFolder(epoch: number): string {
  return `epoch_${String(epoch).padStart(3, "0")}`;
}

/** The epoch, counted from 0, that `epochFolder` named a folder after. */
export function epochOfFolder(name: string): number | undefined {
  const epoch = /^epoch_(\d{3,})$/.exec(name)?.[1];
  return epoch === undefined ? undefined : Number(epoch);
}

/** The folder of an evaluation outside of training: of `classifier validate` and `classifier test`. */
export const evaluationFolders: Readonly<Record<EvaluationSplit, string>> = { val: "validate", test: "test" };
