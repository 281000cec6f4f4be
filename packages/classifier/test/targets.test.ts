import { internalError } from "@classifier-training/base";
import { registerTargets } from "@classifier-training/hydra";
import { targets as image } from "@classifier-training/image";
import { targets as jersey } from "@classifier-training/jersey";
import { targets as lightning, type Metric } from "@classifier-training/lightning";
import { targets as loggers } from "@classifier-training/loggers";
import { nn, noGrad, randn, type Tensor, targets as torch, zeros } from "@classifier-training/torch";
import { ImageDataset, listModels, modelDefinition, targets as vision } from "@classifier-training/vision";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import {
  type ClassificationBatch,
  ClassificationModel,
  type EvaluationOutput,
} from "../src/model/classification-model.ts";
import { classificationModelOptionsSchema } from "../src/model/options.ts";
import { register } from "../src/register.ts";
import { targets as own } from "../src/targets.ts";
import { quick, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 60_000 });

let dir = "";
let remove = () => {};
beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7"], { train: 4, valid: 2 }));
});
afterAll(() => remove());

const tables = { ...image, ...lightning, ...loggers, ...torch, ...vision, ...jersey, ...own };
/** Constants (`torch.float32`), and plugins, which stand for how a process was started or for what is always so. */
const isValue = /^torch\.[a-z]+\d*$|InterpolationMode|AutoAugmentPolicy|\.plugins\./;
/** Those that can be had: a name that is known only to be refused has its own test. */
const listed = Object.keys(tables).filter((name) => tables[name]?.refusal === undefined && !isValue.test(name));
/** What this test has composed and run. */
const covered = new Set<unknown>();
/** Names of targets; of one that has several (`pytorch_lightning.`), the first. */
const named = (pattern: RegExp) =>
  listed.filter((name) => pattern.test(name) && listed.find((other) => tables[other] === tables[name]) === name);

/** Not run here, and why. */
const absent: Readonly<Record<string, string>> = {
  "torchvision.datasets.MNIST": "needs the files of MNIST; its reader has tests of its own",
  "torchvision.datasets.FashionMNIST": "needs the files of Fashion-MNIST",
  "classifier_training.models.FileClassificationModel": "needs a model file; it has a test of its own",
  ...Object.fromEntries(
    listModels()
      .map(modelDefinition)
      .filter(({ parameters, patchSize }) => parameters > 12e6 || patchSize !== undefined)
      .map(({ library, name }) => [`${library}.models.${name}`, "made and trained in the test of the zoo"]),
  ),
};

/** An epoch of two steps, without the callbacks that take most of the time. */
const twoSteps = [
  ...quick,
  "resume=false",
  "data.batch_size=4",
  "model.stem=small",
  "trainer.max_epochs=1",
  "trainer.num_sanity_val_steps=0",
  "trainer.enable_model_summary=false",
  "callbacks.onnx_export=null",
  "callbacks.best_weights=null",
  "callbacks.model_info=null",
  "callbacks.grad_cam=null",
  "callbacks.confusion_matrix=null",
  "callbacks.training_history=null",
  "callbacks.sample_visualization=null",
  "callbacks.model_checkpoint.save_top_k=0",
  "callbacks.model_checkpoint.save_last=false",
];
let count = 0;

async function runs(targets: string | readonly string[], overrides: readonly string[]): Promise<string> {
  const folder = `runs/${count++}`;
  const { code, text } = await inProcess(["train", ...twoSteps, `hydra.run.dir=${folder}`, ...overrides], dir);
  expect(code, text.slice(-3000)).toBe(0);
  expect(text, "the last epoch").toMatch(/Epoch (\d+)\/\1 /);
  for (const name of [targets].flat()) covered.add(tables[name]);
  return text;
}

/** A target with options, as an override's value. */
function node(name: string, options: Readonly<Record<string, unknown>> = {}, partial = false): string {
  const entries = { _target_: name, ...(partial && { _partial_: true }), ...options };
  return yaml(entries);
}

function yaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yaml).join(",")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  return `{${Object.entries(value)
    .map(([key, entry]) => `${key}: ${yaml(entry)}`)
    .join(", ")}}`;
}

const short = (name: string) => name.split(".").at(-1) ?? name;

// --- Callbacks, loggers, profilers, strategies, the trainer ---

const histograms = "+logging.probe={_target_: lightning.pytorch.loggers.TensorBoardLogger, save_dir: tensorboard}";

/** What a callback cannot do without. */
const callbackOptions: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  EarlyStopping: { monitor: "val/loss" },
  GradientAccumulationScheduler: { scheduling: { 0: 1 } },
  StochasticWeightAveraging: { swa_lrs: 0.01, swa_epoch_start: 1 },
  LearningRateFinder: { num_training_steps: 6 },
  BatchSizeFinder: { max_trials: 2, steps_per_trial: 1, batch_arg_name: "batch_size" },
  BackboneFinetuning: { unfreeze_backbone_at_epoch: 1, verbose: true },
  Timer: { duration: { hours: 1 } },
  SystemMetricsMonitor: { path: "system.csv", every_seconds: 1 },
  DeterminismLog: { path: "replay.jsonl", every_n_steps: 1 },
  ReplayCertificate: { path: "replay.jsonl", every_n_steps: 1 },
  HistogramCallback: { every_n_steps: 1 },
  ModelCheckpoint: { dirpath: "checkpoints/probe", monitor: "val/loss", every_n_epochs: 1 },
  ProgressBar: { refresh_rate: 1 },
  OrientationCorrection: { epochs: [1] },
};
/** Those of the configuration whose place they take. */
const replaces: Readonly<Record<string, string>> = {
  TQDMProgressBar: "rich_progress",
  ProgressBar: "rich_progress",
  RichProgressBar: "rich_progress",
  DeterminismLog: "replay",
  ReplayCertificate: "replay",
  SystemMetricsMonitor: "system_metrics",
  EMACallback: "ema",
  ClassificationReportCallback: "report",
};

describe("callbacks", () => {
  test.each(named(/callbacks\./))("%s", async (name) => {
    const replaced = replaces[short(name)];
    await runs(name, [
      ...(replaced === undefined ? [] : [`callbacks.${replaced}=null`]),
      `+callbacks.probe=${node(name, callbackOptions[short(name)])}`,
      histograms,
      "trainer.max_epochs=2",
      "trainer.log_every_n_steps=1",
    ]);
  });
});

describe("loggers", () => {
  const options: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    WandbLogger: { offline: true },
    MLFlowLogger: { experiment_name: "probe" },
  };
  test.each(named(/loggers\./))("%s", async (name) => {
    await runs(name, [
      `+logging.probe=${node(name, { save_dir: "logs", ...options[short(name)] })}`,
      "trainer.log_every_n_steps=1",
    ]);
  });
});

describe("parts of the trainer", () => {
  test.each(named(/profilers\./))("%s", async (name) => {
    await runs(name, [`+trainer.profiler=${node(name, { dirpath: "profile", filename: short(name) })}`]);
  });
  test.each(named(/strategies\./))("%s", async (name) => {
    await runs(name, [`trainer.strategy=${node(name)}`, "trainer.accelerator=cpu", "trainer.devices=1"]);
  });
  test.each(named(/\.Trainer$/))("%s", async (name) => {
    await runs(
      [name, "datetime.timedelta"],
      [
        `+trainer._target_=${name}`,
        `+callbacks.probe=${node("lightning.pytorch.callbacks.ModelCheckpoint", {
          dirpath: "checkpoints/timed",
          train_time_interval: { _target_: "datetime.timedelta", hours: 1 },
        })}`,
      ],
    );
  });
});

// --- Optimizers and schedulers ---

const half = { _target_: "probe.half", _partial_: true };
const inner = (options: Readonly<Record<string, unknown>>) => ({ _partial_: true, ...options });
const constant = inner({ _target_: "torch.optim.lr_scheduler.ConstantLR" });
const schedulerOptions: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ExponentialLR: { gamma: 0.9 },
  LambdaLR: { lr_lambda: half },
  MultiplicativeLR: { lr_lambda: half },
  LinearWarmupCosineAnnealingLR: { warmup_epochs: 1 },
  StepLRScheduler: { decay_t: 1 },
  MultiStepLRScheduler: { decay_t: [1] },
  get_constant_schedule: {},
  get_cosine_with_min_lr_schedule_with_warmup: { num_warmup_steps: 1, min_lr: 0.0001 },
  OneCycleLR: { cycle_momentum: false },
  CyclicLR: { base_lr: 0.001, cycle_momentum: false },
  SequentialLR: { schedulers: [constant, constant], milestones: [1] },
  ChainedScheduler: { schedulers: [constant, constant] },
};

describe("optimizers and schedulers", () => {
  beforeAll(() => registerTargets({ "probe.half": { invoke: ([epoch]) => 0.5 ** Number(epoch) } }));
  const optimizers = named(/(optim|lion_pytorch)\.([A-Z]|create_optimizer)/);
  const schedulers = named(/scheduler\.|^transformers\.|^pl_bolts\./);
  const rounds = Array.from({ length: Math.max(optimizers.length, schedulers.length) }, (_, i) => [
    optimizers[i % optimizers.length] as string,
    schedulers[i % schedulers.length] as string,
  ]);
  test.each(rounds)("%s with %s", async (optimizer, scheduler) => {
    const options = schedulerOptions[short(scheduler)] ?? (/^transf/.test(scheduler) ? { num_warmup_steps: 1 } : {});
    await runs(
      [optimizer, scheduler],
      [
        `+model.optimizer=${node(optimizer, {}, true)}`,
        `+model.scheduler=${node(scheduler, options, true)}`,
        "trainer.max_epochs=2",
      ],
    );
  });
});

test.each(named(/^timm\.loss\./))("the loss %s", async (name) => {
  await runs(name, [`+model.loss=${node(name)}`, "data.class_weights=none"]);
});

// --- Data and models ---

const transformOptions: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  CenterCrop: { size: 32 },
  JPEG: { quality: 50 },
  Grayscale: { num_output_channels: 3 },
  RandomCrop: { size: 32 },
  RandomResizedCrop: { size: 32 },
  Resize: { size: [32, 32] },
  Pad: { padding: 1 },
  GaussianBlur: { kernel_size: 3 },
  RandomAffine: { degrees: 5 },
  RandomRotation: { degrees: 5 },
  RandomPosterize: { bits: 4 },
  RandomSolarize: { threshold: 128 },
  RandomAdjustSharpness: { sharpness_factor: 2 },
};
/** Those that take others. */
const nesting = ["Compose", "RandomApply", "RandomChoice", "RandomOrder"];
const floating = ["Normalize", "RandomErasing", "ToDtype", "ToFloat32Tensor", "ToTensor", "ConvertImageDtype"];
const floats = ["GaussianNoise", "ToPureTensor"];
/** Those that are run alone. */
const later = ["ToTensor", "ConvertImageDtype", ...floats];

describe("transforms", () => {
  const flip = { _target_: "torchvision.transforms.v2.RandomHorizontalFlip" };
  const tail = ["ToFloat32Tensor", "Normalize"].map((name) => ({
    _target_: name === "Normalize" ? "torchvision.transforms.v2.Normalize" : `classifier_training.transforms.${name}`,
    ...(name === "Normalize" ? { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } : {}),
  }));
  const spaces = ["torchvision.transforms.v2.", "torchvision.transforms.", "classifier_training.transforms."];
  test.each(spaces)("%s*: all of them, one after the other", async (space) => {
    const names = listed.filter((name) => name.startsWith(space) && !name.slice(space.length).includes("."));
    const single = names.filter(
      (name) => !/MixUp|CutMix/.test(name) && ![...floating, ...floats].includes(short(name)),
    );
    const steps = single.map((name) => ({
      _target_: name,
      ...transformOptions[short(name)],
      ...(nesting.includes(short(name)) && { transforms: [flip] }),
    }));
    const resize = { _target_: "torchvision.transforms.v2.Resize", size: [32, 32] };
    const own = names.filter((name) => ["RandomErasing", "ToDtype"].includes(short(name)));
    const last = own.map((name) => ({
      _target_: name,
      ...(short(name) === "ToDtype" && { dtype: "float32", scale: true }),
    }));
    const before = last.filter(({ _target_ }) => short(_target_) === "ToDtype");
    const after = last.filter(({ _target_ }) => short(_target_) !== "ToDtype");
    const transforms = [...steps, resize, ...(before.length > 0 ? [...before, tail[1]] : tail), ...after];
    await runs(
      names.filter((name) => !/MixUp|CutMix/.test(name) && !later.includes(short(name))),
      [`transforms.train_transforms=${node("torchvision.transforms.v2.Compose", { transforms })}`],
    );
  });
  test.each(named(/\.(ToTensor|ConvertImageDtype|GaussianNoise|ToPureTensor)$/))("%s of floats", async (name) => {
    const own = { _target_: name };
    const first = floats.includes(short(name)) ? [tail[0], own] : [own];
    const resize = { _target_: "torchvision.transforms.v2.Resize", size: [32, 32] };
    const transforms = [resize, ...first, tail[1]];
    await runs(name, [`transforms.train_transforms=${node("torchvision.transforms.v2.Compose", { transforms })}`]);
  });
  test.each(named(/MixUp|CutMix/))("%s of whole batches", async (name) => {
    await runs(name, [`+data.batch_transform=${node(name)}`]);
  });
});

test("the data module", async () => {
  await runs(named(/ImageFolderDataModule/), ["data.class_weights=inverse", "data.sampler.mode=auto"]);
});

test.each(named(/jersey\.TrimBars$/))("the image step %s", async (name) => {
  await runs(name, [`data.image_steps=[${node(name)}]`]);
});

test.each(named(/(?<!File)ClassificationModel$/))("%s", async (name) => {
  const network = /ResNet\d+/.test(name) ? [] : ["+model.network=resnet18"];
  await runs(name, [`model._target_=${name}`, ...network]);
});

// --- What a project's own model takes: a network, a layer, a loss, a metric, a dataset ---

const probeOptionsSchema = classificationModelOptionsSchema.extend({ part: z.unknown() });

/** Uses whatever a configuration names for `part` in its place of a model. */
class Probe extends ClassificationModel {
  static readonly options = probeOptionsSchema;
  readonly #part: unknown;

  constructor({ part, ...options }: z.infer<typeof probeOptionsSchema>) {
    super({ ...options, pretrained: false }, "probe", (classes) => networkOf(part, classes));
    this.#part = part;
    if (part instanceof ImageDataset && part.length !== 8) throw internalError("the dataset has another length");
  }

  override loss(logits: Tensor, labels: Tensor): Tensor {
    const part = this.#part as Layer;
    const kind = part?.constructor?.name ?? "";
    if (!/Loss$/.test(kind)) return super.loss(logits, labels);
    const call = (input: Tensor, target: Tensor) => part.call(input, target);
    if (kind === "CrossEntropyLoss") return call(logits, labels);
    if (kind === "NLLLoss") return call(logits.logSoftmax(1), labels);
    const hot = zeros([labels.shape[0] ?? 0, this.numClasses]).scatter_(1, labels.unsqueeze(1), 1);
    return call(kind === "BCELoss" ? logits.sigmoid() : logits, hot);
  }

  override validationStep(batch: ClassificationBatch): EvaluationOutput {
    const output = super.validationStep(batch);
    const metric = this.#part as Metric<unknown> & { update(...values: unknown[]): void };
    if (typeof metric?.update !== "function") return output;
    if (/^Multiclass/.test(metric.constructor.name)) metric.update(output.logits, batch.labels);
    else if (/^Multilabel/.test(metric.constructor.name)) metric.update(output.logits, output.logits.gt(0));
    else metric.update(output.loss);
    metric.compute();
    return output;
  }
}

register("model", "probe")(Probe);

type Layer = nn.Module<Tensor[], Tensor>;

function networkOf(part: unknown, classes: number): nn.Module<[Tensor], Tensor> {
  if (part instanceof nn.Module && "headPath" in part) return part as nn.Module<[Tensor], Tensor>;
  const isLayer = part instanceof nn.Module && !/Loss$/.test(part.constructor.name);
  return new Around((isLayer ? part : new nn.Identity()) as Layer, classes);
}

/** A small network with a layer in its middle: on maps of [8, 8, 8], on vectors of 512, or on a sequence. */
class Around extends nn.Module<[Tensor], Tensor> {
  readonly stem = new nn.Conv2d(3, 8, { kernelSize: 4, stride: 4 });
  readonly layer: Layer;
  readonly head: nn.Linear;

  constructor(layer: Layer, classes: number) {
    super();
    this.layer = layer;
    const size = noGrad(() => this.#features(randn([2, 3, 32, 32])).shape[1]) ?? 1;
    this.head = new nn.Linear(size, classes);
  }

  #features(x: Tensor): Tensor {
    const maps = this.stem.call(x);
    const kind = this.layer.constructor.name;
    if (kind === "MultiheadAttention") {
      const sequence = maps.flatten(2).transpose(1, 2);
      return (this.layer.call(sequence, sequence, sequence) as unknown as { output: Tensor }).output.flatten(1);
    }
    const vectors = ["Linear", "BatchNorm1d", "LayerNorm"].includes(kind);
    return this.layer.call(vectors ? maps.flatten(1) : maps).flatten(1);
  }

  override forward(x: Tensor): Tensor {
    return this.head.call(this.#features(x));
  }
}

const partOptions: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  Linear: { in_features: 512, out_features: 16 },
  Conv2d: { in_channels: 8, out_channels: 4, kernel_size: 3 },
  ConvTranspose2d: { in_channels: 8, out_channels: 4, kernel_size: 2 },
  BatchNorm1d: { num_features: 512 },
  BatchNorm2d: { num_features: 8 },
  GroupNorm: { num_groups: 2, num_channels: 8 },
  LayerNorm: { normalized_shape: 512 },
  MaxPool2d: { kernel_size: 2 },
  AvgPool2d: { kernel_size: 2 },
  AdaptiveAvgPool2d: { output_size: 2 },
  AdaptiveMaxPool2d: { output_size: 2 },
  Softmax: { dim: 1 },
  LogSoftmax: { dim: 1 },
  Sequential: { _args_: [{ _target_: "torch.nn.ReLU" }, { _target_: "torch.nn.Identity" }] },
  MultiheadAttention: { embed_dim: 8, num_heads: 2, batch_first: true },
  StochasticDepth: { p: 0.5, mode: "row" },
  SqueezeExcitation: { input_channels: 8, squeeze_channels: 2 },
  ImageFolder: { root: "data/train" },
  JSONLDataset: { root: "data/train" },
};

function optionsOf(name: string): Readonly<Record<string, unknown>> {
  if (name.endsWith(".get_model")) return { name: "resnet18", num_classes: 2 };
  if (/^(torchvision|timm)\.models\./.test(name)) return { num_classes: 2 };
  if (/Multiclass/.test(name)) return { num_classes: 2 };
  if (/Multilabel/.test(name)) return { num_labels: 2 };
  if (name === "timm.create_model") return { model_name: "resnet18", num_classes: 2 };
  if (/^torchmetrics\.(?!.*(Mean|Sum|Min|Max)Metric)/.test(name)) return { task: "multiclass", num_classes: 2 };
  return partOptions[short(name)] ?? {};
}

const parts = named(
  /^torch\.nn\.|^torchvision\.(ops|models|datasets)\.|^torchmetrics\.|JSONLDataset|^timm\.create_model/,
).filter((name) => absent[name] === undefined);

test.each(parts)("a project's model with %s", async (name) => {
  await runs(name, ["model=probe", `+model.part=${node(name, optionsOf(name))}`]);
});

test("nothing that is listed was left out", () => {
  expect(listed.filter((name) => !covered.has(tables[name]))).toEqual(
    listed.filter((name) => absent[name] !== undefined),
  );
});
