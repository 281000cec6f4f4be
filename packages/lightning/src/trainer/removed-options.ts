import type { ForeignOption } from "@classifier-training/base";

const what = "is not an option of Lightning 2";
/** Older configurations list options that they do not use. */
const isUnset = (value: unknown) => value === null || value === false;
const moved = (fix: string): ForeignOption => ({ what, accepts: isUnset, fix });
const renamed = (to: string): ForeignOption => ({
  what,
  accepts: (value) => value === null,
  fix: (value) => `use ${to}=${typeof value === "object" ? JSON.stringify(value) : String(value)}`,
});
const callback = (name: string) => `use callbacks: {_target_: lightning.pytorch.callbacks.${name}}`;

/** `gpus: 2`, `gpus: [0, 1]`, `gpus: "0,1"`, `gpus: -1`, `gpus: 0`. */
function devicesOfGpus(value: unknown): string {
  const none = value === null || value === 0 || value === "0" || (Array.isArray(value) && value.length === 0);
  if (none) return "use accelerator=cpu, or accelerator=auto";
  return `use accelerator=gpu devices=${Array.isArray(value) ? JSON.stringify(value) : String(value)}`;
}

/** What Trainers of PyTorch Lightning 0.x and 1.x took, and what took its place. Under YAML's names. */
export const removedTrainerOptions: Readonly<Record<string, ForeignOption>> = {
  gpus: { what, accepts: (value) => value === null, fix: devicesOfGpus },
  nb_gpu_nodes: renamed("num_nodes"),
  num_processes: {
    what,
    accepts: (value) => value === null,
    fix: (value) => `use accelerator=cpu devices=${String(value)}`,
  },
  num_gpus: { what, accepts: (value) => value === null, fix: devicesOfGpus },
  auto_select_gpus: moved("leave it out: devices=auto takes what is there"),
  tpu_cores: moved("leave it out: there are no TPUs here; use accelerator=auto"),
  ipus: moved("leave it out: there are no IPUs here; use accelerator=auto"),
  hpus: moved("leave it out: there are no HPUs here; use accelerator=auto"),
  distributed_backend: moved("use strategy=ddp, with devices=N"),
  replace_sampler_ddp: renamed("use_distributed_sampler"),
  checkpoint_callback: renamed("enable_checkpointing"),
  early_stop_callback: moved(callback("EarlyStopping")),
  progress_bar_refresh_rate: {
    what,
    accepts: (value) => value === null,
    fix: (value) =>
      value === 0
        ? "use enable_progress_bar=false"
        : `use callbacks: {_target_: lightning.pytorch.callbacks.TQDMProgressBar, refresh_rate: ${String(value)}}`,
  },
  show_progress_bar: renamed("enable_progress_bar"),
  process_position: moved(callback("TQDMProgressBar")),
  weights_summary: {
    what,
    accepts: () => false,
    fix: (value) => {
      if (value === null) return "use enable_model_summary=false";
      const depth = value === "full" ? -1 : 1;
      return `use callbacks: {_target_: lightning.pytorch.callbacks.ModelSummary, max_depth: ${depth}}`;
    },
  },
  weights_save_path: moved("use dirpath of the ModelCheckpoint callback, or default_root_dir"),
  default_save_path: renamed("default_root_dir"),
  flush_logs_every_n_steps: moved("use flush_logs_every_n_steps of the CSVLogger"),
  log_save_interval: moved("use flush_logs_every_n_steps of the CSVLogger"),
  row_log_interval: renamed("log_every_n_steps"),
  add_row_log_interval: renamed("log_every_n_steps"),
  log_gpu_memory: moved(callback("DeviceStatsMonitor")),
  track_grad_norm: moved("leave it out: log the norm in the model's onBeforeOptimizerStep"),
  terminate_on_nan: moved("use detect_anomaly=true; EarlyStopping stops where its metric is not finite"),
  print_nan_grads: moved("use detect_anomaly=true"),
  truncated_bptt_steps: moved("leave it out: split the sequence in the model's trainingStep"),
  amp_backend: moved("leave it out: precision=16-mixed or bf16-mixed"),
  amp_level: moved("leave it out: precision=16-mixed or bf16-mixed"),
  use_amp: moved("use precision=16-mixed"),
  resume_from_checkpoint: moved("leave it out: fit takes the checkpoint, and `classifier train` resumes by itself"),
  auto_lr_find: moved(callback("LearningRateFinder")),
  auto_scale_batch_size: moved(callback("BatchSizeFinder")),
  multiple_trainloader_mode: moved("leave it out: combine the datasets in the data module"),
  prepare_data_per_node: moved("leave it out: it is a property of the data module"),
  stochastic_weight_avg: moved(callback("StochasticWeightAveraging")),
  move_metrics_to_cpu: moved("leave it out: epoch metrics are held on the CPU"),
  reload_dataloaders_every_epoch: moved("use reload_dataloaders_every_n_epochs=1"),
  gradient_clip: renamed("gradient_clip_val"),
  max_nb_epochs: renamed("max_epochs"),
  min_nb_epochs: renamed("min_epochs"),
  nb_sanity_val_steps: renamed("num_sanity_val_steps"),
  train_percent_check: renamed("limit_train_batches"),
  val_percent_check: renamed("limit_val_batches"),
  test_percent_check: renamed("limit_test_batches"),
  overfit_pct: renamed("overfit_batches"),
};
