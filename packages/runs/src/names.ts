/** The files of a run directory, relative to it. */
export const runPaths = {
  record: "run.json",
  metrics: "metrics.csv",
  config: ".hydra/config.yaml",
  overrides: ".hydra/overrides.yaml",
  labels: "labels_mapping.json",
  model: "model.onnx",
  history: "training_history",
  log: "train.log",
  /** Of a sweep's directory, while the sweep is running. */
  sweepClaim: ".sweep.json",
} as const;

/** The folder of an epoch's pictures (confusion matrix, sample predictions): `epoch_007`. */
export function epochFolder(epoch: number): string {
  return `epoch_${String(epoch).padStart(3, "0")}`;
}
