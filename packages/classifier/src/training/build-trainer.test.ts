// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { create, type DictConfig, instantiate, lookUpTarget } from "@classifier-training/hydra";
import {
  type Callback,
  ChromeTraceProfiler,
  DDPStrategy,
  SimpleProfiler,
  type Trainer,
} from "@classifier-training/lightning";
import { beforeAll, expect, test } from "vitest";
import { registerAll } from "../registry.ts";
import { buildTrainer } from "./build-trainer.ts";
import { buildCallbacks, buildLoggers } from "./components.ts";
import { checkConfig } from "./groups.ts";

beforeAll(() => registerAll());

const quiet = "enable_progress_bar: false, enable_model_summary: false, accelerator: cpu, devices: 1";
async function trainerOf(options: string): Promise<Trainer> {
  const config = create(`trainer: {${quiet}, ${options}}\n`, { file: "/conf/trainer.yaml" }) as DictConfig;
  const [callbacks, logger] = [await buildCallbacks(config, true), await buildLoggers(config)];
  return buildTrainer(config, { callbacks, logger, default_root_dir: "." });
}

test("what trainer's options name by _target_ is made, and its callbacks join the program's", async () => {
  const trainer = await trainerOf(
    "_target_: lightning.pytorch.Trainer, _convert_: partial, strategy: {_target_: lightning.pytorch.strategies.DDPStrategy," +
      " timeout: {_target_: datetime.timedelta, minutes: 5}, find_unused_parameters: false, static_graph: true}," +
      " profiler: {_target_: lightning.pytorch.profilers.PyTorchProfiler, filename: trace, row_limit: 20}," +
      " plugins: [{_target_: lightning.pytorch.plugins.environments.SLURMEnvironment, auto_requeue: false}]," +
      " callbacks: [{_target_: lightning.pytorch.callbacks.Timer, duration: '00:00:10:00'}]," +
      " logger: {csv: {_target_: lightning.pytorch.loggers.CSVLogger, save_dir: logs}}",
  );
  const strategy = await instantiate({
    _target_: "lightning.pytorch.strategies.DDPStrategy",
    timeout: { _target_: "datetime.timedelta", minutes: 5 },
    find_unused_parameters: false,
  });
  expect(strategy).toBeInstanceOf(DDPStrategy);
  expect((strategy as DDPStrategy).options.timeout).toBe(300);
  expect(trainer.profiler).toBeInstanceOf(ChromeTraceProfiler);
  expect(trainer.callbacks.map((callback: Callback) => callback.constructor.name)).toContain("Timer");
  expect(trainer.loggers).toHaveLength(1);
});

test("an int is a number of batches, a float is a fraction, wherever the trainer is named", async () => {
  const limits = "limit_train_batches: 1, limit_val_batches: 1.0, limit_test_batches: 0.5";
  for (const name of [
    "",
    "_target_: pytorch_lightning.Trainer,",
    "_target_: lightning.pytorch.trainer.trainer.Trainer,",
  ]) {
    const { options } = await trainerOf(`${name} ${limits}`);
    expect(options).toMatchObject({ limitTrainBatches: { batches: 1 }, limitValBatches: 1, limitTestBatches: 0.5 });
  }
  expect((await trainerOf("profiler: simple")).profiler).toBeInstanceOf(SimpleProfiler);
});

test.each([
  ["strategy: {find_unused_parameters: false}", /strategy: expected .*received \{"find_unused_parameters":false\}/],
  [
    "strategy: {_target_: lightning.pytorch.strategies.FSDPStrategy}",
    /FSDPStrategy is not built in.*use trainer.strategy=ddp/s,
  ],
  [
    "plugins: [{_target_: lightning.pytorch.plugins.precision.MixedPrecision, precision: 16-mixed}]",
    /trainer.precision=16-mixed/,
  ],
  ["callbacks: [{_target_: torch.nn.ReLU}]", /callbacks: expected a callback.*received/],
  ["profiler: {_target_: torch.nn.ReLU}", /profiler: expected .*a profiler, received an instance of ReLU/],
  ["gpus: 2", /accelerator=gpu devices=2/],
  ["gpus: [0, 1]", /accelerator=gpu devices=\[0,1\]/],
  ["gpus: 0", /accelerator=cpu/],
  ["progress_bar_refresh_rate: 0", /enable_progress_bar=false/],
  ["checkpoint_callback: true", /enable_checkpointing=true/],
  ["max_epoch: 3", /unknown option 'max_epoch'.*did you mean 'max_epochs'/s],
  ["_target_: torch.nn.ReLU", /unknown option|did not make a Trainer/],
  ["_target_: src.trainer.MyTrainer", /Python code does not run here.*'\.\/src\/trainer\.ts#MyTrainer'/s],
])("%s is refused with what to do", async (options, message) => {
  const error = await trainerOf(options).catch((reason: unknown) => reason);
  expect((error as Error).message.replaceAll("\n", " ")).toMatch(message);
  expect((error as Error).message).toContain("/conf/trainer.yaml:1");
});

/** As the Python packages import them: by module, not by package. */
test.each([
  ["lightning.pytorch.loggers.wandb.WandbLogger", "lightning.pytorch.loggers.WandbLogger"],
  ["lightning.pytorch.loggers.csv_logs.CSVLogger", "lightning.pytorch.loggers.CSVLogger"],
  ["pytorch_lightning.loggers.tensorboard.TensorBoardLogger", "pytorch_lightning.loggers.TensorBoardLogger"],
  ["lightning.pytorch.trainer.Trainer", "lightning.pytorch.Trainer"],
  ["pytorch_lightning.trainer.trainer.Trainer", "pytorch_lightning.Trainer"],
  ["lightning.pytorch.callbacks.progress.rich_progress.RichProgressBar", "lightning.pytorch.callbacks.RichProgressBar"],
  ["lightning.pytorch.callbacks.lr_monitor.LearningRateMonitor", "lightning.pytorch.callbacks.LearningRateMonitor"],
  ["torch.optim.adamw.AdamW", "torch.optim.AdamW"],
  ["torch.nn.modules.linear.Linear", "torch.nn.Linear"],
  ["torchvision.transforms.v2._geometry.Resize", "torchvision.transforms.v2.Resize"],
  ["torchvision.transforms.transforms.Normalize", "torchvision.transforms.Normalize"],
  ["torchvision.models.resnet.resnet18", "torchvision.models.resnet18"],
  ["torchvision.datasets.folder.ImageFolder", "torchvision.datasets.ImageFolder"],
  ["torchmetrics.classification.accuracy.MulticlassAccuracy", "torchmetrics.classification.MulticlassAccuracy"],
  ["torchmetrics.aggregation.MeanMetric", "torchmetrics.MeanMetric"],
])("%s is %s", async (module, name) => {
  const target = await lookUpTarget(name);
  expect(target).toBeDefined();
  expect(await lookUpTarget(module)).toBe(target);
});

test.each(["torch.optim.lr_scheduler.AdamW", "torch.optim.Adamw.AdamW", "torch.adamw.AdamW", "torch.optim.adamw"])(
  "%s is not the path of a class",
  async (name) => {
    expect(await lookUpTarget(name)).toBeUndefined();
  },
);

test.each([
  ["lightning.pytorch.loggers.CometLogger", /CometLogger is not built in.*WandbLogger/s],
  ["lightning.pytorch.loggers.neptune.NeptuneLogger", /NeptuneLogger is not built in.*WandbLogger/s],
  ["aim.pytorch_lightning.AimLogger", /AimLogger is not built in/],
  ["src.models.mnist_module.MNISTLitModule", /'\.\/src\/models\/mnist_module\.ts#MNISTLitModule'/],
  ["lightning.pytorch.callbacks.EarlyStoping", /did you mean 'lightning\.pytorch\.callbacks\.EarlyStopping'/],
  ["src.callbacks.EarlyStopping", /did you mean 'lightning\.pytorch\.callbacks\.EarlyStopping'|'pytorch_lightning/],
])("%s cannot be made, and the message says what can", async (name, message) => {
  await expect(instantiate({ _target_: name })).rejects.toThrow(message);
});

test("metrics by task, models of timm, objects by name", async () => {
  const accuracy = await instantiate({
    _target_: "torchmetrics.Accuracy",
    task: "multiclass",
    num_classes: 3,
    validate_args: false,
  });
  expect(accuracy).toMatchObject({ options: { average: "micro", numClasses: 3 } });
  await expect(instantiate({ _target_: "torchmetrics.Accuracy", task: "binary" })).rejects.toThrow("task=multiclass");
  const model = await instantiate({
    _target_: "timm.create_model",
    model_name: "resnet18",
    num_classes: 4,
    in_chans: 3,
  });
  expect(model).toBeDefined();
  await expect(instantiate({ _target_: "timm.create_model", model_name: "resnet81" })).rejects.toThrow("did you mean");
  const made = (await instantiate(
    create(
      "{act: {_target_: hydra.utils.get_class, path: torch.nn.ReLU}, d: {_target_: builtins.dict, a: 1}, l: {_target_: builtins.list, _args_: [[1, 2]]}}",
    ),
  )) as DictConfig;
  const act = made.node("act") as unknown as { value: () => unknown };
  expect((act.value() as object).constructor.name).toBe("ReLU");
});

test("--info check sees the trainer's options, and groups that nothing reads", async () => {
  const config = create(
    "seed: 1\ntrainer: {max_epochs: 1, gpus: 1}\nmodel: {o: '${optim}'}\noptim: {_target_: torch.optim.SGD}\ncalbacks: {a: {_target_: lightning.pytorch.callbacks.Timer}}\nextras: {print: true}\n",
  ) as DictConfig;
  expect((await checkConfig(config)).map(({ key, fix }) => [key, fix])).toEqual([
    ["trainer.gpus", "use accelerator=gpu devices=1"],
    ["calbacks", "did you mean 'callbacks'?"],
  ]);
});
