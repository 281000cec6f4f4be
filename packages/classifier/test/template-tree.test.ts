// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 30_000 });

/** A tree as the widespread Lightning and Hydra template lays it out, with this product's data and model. */
const tree: Readonly<Record<string, string>> = {
  "train.yaml": `# @package _global_
defaults: [_self_, data: own, model: own, callbacks: default, logger: null, trainer: default, paths: default, hydra: default, hparams_search: null, optional local: default, debug: null]
task_name: train
tags: [dev]
seed: 12345
`,
  "data/own.yaml": `_target_: classifier_training.data.datamodule.ImageFolderDataModule
data_root: \${paths.data_dir}
batch_size: 8
num_workers: 0
image_size: 32
`,
  "model/own.yaml":
    "_target_: classifier_training.models.resnet.ResNet18ClassificationModel\npretrained: false\nwidth: 8\nstem: small\n",
  "model/python.yaml":
    "_target_: src.models.mnist_module.MNISTLitModule\noptimizer: {_target_: torch.optim.Adam, _partial_: true, lr: 0.001}\n",
  "callbacks/default.yaml": `defaults: [model_checkpoint, rich_progress_bar, _self_]
model_checkpoint: {dirpath: "\${paths.output_dir}/checkpoints", filename: "epoch_{epoch:03d}", monitor: val/acc_top1, mode: max, save_last: true, auto_insert_metric_name: false}
`,
  "callbacks/model_checkpoint.yaml":
    "model_checkpoint: {_target_: lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint, dirpath: null, filename: null, monitor: null, verbose: false, save_last: null, save_top_k: 1, mode: min, auto_insert_metric_name: true, every_n_train_steps: null, train_time_interval: null}\n",
  "callbacks/rich_progress_bar.yaml":
    "rich_progress_bar: {_target_: lightning.pytorch.callbacks.progress.rich_progress.RichProgressBar}\n",
  "logger/csv.yaml":
    'csv: {_target_: lightning.pytorch.loggers.csv_logs.CSVLogger, save_dir: "${paths.output_dir}", name: csv/, prefix: ""}\n',
  "logger/tensorboard.yaml":
    'tensorboard: {_target_: lightning.pytorch.loggers.tensorboard.TensorBoardLogger, save_dir: "${paths.output_dir}/tensorboard/", name: null, log_graph: false, default_hp_metric: true, prefix: ""}\n',
  "logger/comet.yaml":
    "comet: {_target_: lightning.pytorch.loggers.comet.CometLogger, api_key: '${oc.env:COMET_API_TOKEN,none}', project_name: x}\n",
  "logger/many_loggers.yaml": "defaults: [csv, tensorboard]\n",
  "trainer/default.yaml":
    "# @package _group_\n_target_: lightning.pytorch.trainer.Trainer\ndefault_root_dir: ${paths.output_dir}\nmin_epochs: 1\nmax_epochs: 1\naccelerator: cpu\ndevices: 1\ncheck_val_every_n_epoch: 1\ndeterministic: false\n",
  "trainer/old.yaml": "_target_: pytorch_lightning.Trainer\ngpus: 1\nmax_epochs: 1\n",
  "paths/default.yaml":
    "root_dir: ${oc.env:PROJECT_ROOT,.}\ndata_dir: ${paths.root_dir}/data/\nlog_dir: ${paths.root_dir}/logs/\noutput_dir: ${hydra:runtime.output_dir}\n",
  "hydra/default.yaml": `defaults: [override hydra_logging: colorlog, override job_logging: colorlog]
run: {dir: "\${paths.log_dir}/\${task_name}/runs/\${now:%Y-%m-%d}_\${now:%H-%M-%S}"}
job_logging: {handlers: {file: {filename: "\${hydra.runtime.output_dir}/\${task_name}.log"}}}
`,
  "hparams_search/optuna.yaml": `# @package _global_
defaults: [override /hydra/sweeper: optuna]
hydra: {mode: MULTIRUN, sweeper: {_target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper, direction: maximize, n_trials: 20, params: {model.learning_rate: "choice(0.1, 0.2)"}}}
`,
  "trainer/flat.yaml": `max_steps: 2
limit_train_batches: 2
accelerator: cpu
callbacks:
  - {_target_: lightning.pytorch.callbacks.ModelCheckpoint, monitor: val/loss, dirpath: "\${paths.output_dir}"}
  - {_target_: lightning.pytorch.callbacks.LearningRateMonitor}
logger:
  - {_target_: lightning.pytorch.loggers.CSVLogger, save_dir: "\${paths.output_dir}", name: own}
`,
  "debug/limit.yaml": "# @package _global_\ntrainer: {max_epochs: 1, limit_train_batches: 2, limit_val_batches: 1}\n",
};

let dir = "";
let remove = () => {};
beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7"], { train: 12, valid: 4 }));
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(dir, "configs", path)), { recursive: true });
    writeFileSync(join(dir, "configs", path), text);
  }
});
afterAll(() => remove());

const train = (...args: string[]) =>
  inProcess(["train", "--config-dir", "configs", "--config-name", "train", ...args], dir);

test("such a tree composes, has no problems, and trains with its own loggers and folders", async () => {
  const check = await train("--info", "check", "logger=many_loggers");
  expect(check.stdout).toContain("no problems found");
  expect(check.stderr).toContain("'# @package _group_' is of Hydra 1.0: it stands for 'trainer' here");
  const { code, stderr } = await train("logger=many_loggers", "debug=limit");
  expect(code, stderr).toBe(0);
  const runs = join(dir, "logs/train/runs");
  const run = join(runs, readdirSync(runs)[0] ?? "");
  for (const path of ["train.log", "metrics.csv", "checkpoints/epoch_000.ckpt", "csv/version_0/metrics.csv"]) {
    expect(existsSync(join(run, path)), path).toBe(true);
  }
});

test("what it names that cannot be had is said all at once, with what to do", async () => {
  const { code, stderr } = await train("--info", "check", "model=python", "logger=comet", "trainer=old");
  expect(code).toBe(1);
  for (const text of [
    "Python code does not run here (write the class in TypeScript, and name it as './src/models/mnist_module.ts#MNISTLitModule'",
    "CometLogger is not built in (use lightning.pytorch.loggers.WandbLogger",
    "option 'gpus' is not an option of Lightning 2 (use accelerator=gpu devices=1)",
  ]) {
    expect(stderr).toContain(text);
  }
});

test("a sweep for a plug-in of Python's names it, and the override that goes round it", async () => {
  const { stderr } = await train("hparams_search=optuna");
  expect(stderr).toContain("'optuna' is of a Python plug-in (hydra-optuna-sweeper), which is not built in");
  expect(stderr).toContain("or override it: hydra/sweeper=basic");
  const { code, stdout } = await train(
    "hparams_search=optuna",
    "hydra/sweeper=basic",
    "--cfg",
    "hydra",
    "-p",
    "hydra.sweeper",
  );
  expect(code).toBe(0);
  expect(stdout).toContain("BasicSweeper");
  expect(stdout).toContain("model.learning_rate: choice(0.1, 0.2)");
});

test("a misspelt group of objects is an error with the nearest name", async () => {
  const { code, stderr } = await train("+calbacks={a: {_target_: lightning.pytorch.callbacks.Timer}}");
  expect(code).toBe(1);
  expect(stderr).toContain("calbacks: nothing reads this group, which has a _target_ (did you mean 'callbacks'?)");
});

test("callbacks and loggers below trainer are those of the run, which knows its best checkpoint", async () => {
  const run = "logs/flat";
  const { code, stdout, stderr } = await train(
    "trainer=flat",
    "~callbacks",
    `hydra.run.dir=${run}`,
    "+model.compile=false",
  );
  expect(code, stderr).toBe(0);
  expect(stderr).not.toContain("is skipped: no logger");
  expect(stdout).toMatch(/best val\/loss +\d\.\d{4}\nbest checkpoint +logs\/flat\/epoch=0-step=2\.ckpt/);
  expect(existsSync(join(dir, run, "own/version_0/metrics.csv"))).toBe(true);
  const measured = await inProcess(["validate", run], dir);
  expect(measured.code, measured.stderr).toBe(0);
  expect(measured.stdout + measured.stderr).toContain(`validate with ${join(dir, run, "epoch=0-step=2.ckpt")} of run`);
});

test("a dataset in place of a data module, and torch.compile, are refused with what to name instead", async () => {
  const { stderr } = await train(
    "data._target_=torchvision.datasets.ImageFolder",
    "~data.data_root",
    "+data.root=data",
    "~data.batch_size",
    "~data.num_workers",
    "~data.image_size",
  );
  expect(stderr).toContain("data._target_ did not make a ClassificationDataModule");
  expect(stderr).toContain("fix: name classifier_training.data.datamodule.ImageFolderDataModule, or a custom class");
  const compiled = await train("+model.compile=true");
  expect(compiled.stderr).toContain("leave it out: there is no torch.compile here");
});
