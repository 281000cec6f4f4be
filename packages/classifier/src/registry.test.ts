import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TargetTable } from "@classifier-training/base";
import { findTarget, instantiate } from "@classifier-training/hydra";
import { targets as image } from "@classifier-training/image";
import { targetNames as imageNames } from "@classifier-training/image/target-names";
import { targets as jersey } from "@classifier-training/jersey";
import { extension } from "@classifier-training/jersey/extension";
import { targets as lightning } from "@classifier-training/lightning";
import { targetNames as lightningNames } from "@classifier-training/lightning/target-names";
import { targets as loggers } from "@classifier-training/loggers";
import { targetNames as loggersNames } from "@classifier-training/loggers/target-names";
import { nn, optim, targets as torch } from "@classifier-training/torch";
import { targetNames as torchNames } from "@classifier-training/torch/target-names";
import { listModels, modelDefinition, targets as vision } from "@classifier-training/vision";
import { targetNames as visionNames } from "@classifier-training/vision/target-names";
import { afterAll, describe, expect, test, vi } from "vitest";
import { registerAll } from "./registry.ts";
import { targetNames as ownNames } from "./target-names.generated.ts";
import { targets as own } from "./targets.ts";

vi.setConfig({ testTimeout: 120_000 });

const packages: Readonly<Record<string, readonly [table: TargetTable, names: readonly string[]]>> = {
  image: [image, imageNames],
  torch: [torch, torchNames],
  vision: [vision, visionNames],
  lightning: [lightning, lightningNames],
  loggers: [loggers, loggersNames],
  jersey: [jersey, extension.targetNames],
  classifier: [own, ownNames],
};

const folder = mkdtempSync(join(tmpdir(), "classifier-registry-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
registerAll();

test.each(Object.entries(packages))("the names that %s lists are those of its tables", (_, [table, names]) => {
  expect(names, "run: npm run targets").toEqual(Object.keys(table).sort());
});

test("no two packages list the same name", () => {
  const names = Object.values(packages).flatMap(([, listed]) => listed);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

const parameters = () => new nn.Linear(2, 2).parameters();
const optimizer = () => new optim.SGD(parameters());
const flip = { _target_: "torchvision.transforms.v2.RandomHorizontalFlip" };
const classes = { num_classes: 2 };
const half = () => 0.5;

/** What a target cannot be made without, by the last part of its name. */
const needed: Readonly<Record<string, () => Readonly<Record<string, unknown>>>> = {
  ...from({ Linear: { in_features: 2, out_features: 2 }, GroupNorm: { num_groups: 1, num_channels: 2 } }),
  ...from({ Conv2d: { in_channels: 2, out_channels: 2, kernel_size: 1 }, BatchNorm1d: { num_features: 2 } }),
  ...from({ ConvTranspose2d: { in_channels: 2, out_channels: 2, kernel_size: 1 }, BatchNorm2d: { num_features: 2 } }),
  ...from({ LayerNorm: { normalized_shape: 2 }, MaxPool2d: { kernel_size: 2 }, AvgPool2d: { kernel_size: 2 } }),
  ...from({ AdaptiveAvgPool2d: { output_size: 1 }, AdaptiveMaxPool2d: { output_size: 1 } }),
  ...from({ Softmax: { dim: 1 }, LogSoftmax: { dim: 1 }, StochasticDepth: { p: 0.5, mode: "row" } }),
  ...from({ MultiheadAttention: { embed_dim: 2, num_heads: 1 } }),
  ...from({ SqueezeExcitation: { input_channels: 2, squeeze_channels: 1 } }),
  ...from({ CenterCrop: { size: 2 }, JPEG: { quality: 50 }, RandomCrop: { size: 2 }, RandomResizedCrop: { size: 2 } }),
  ...from({ Resize: { size: 2 }, Pad: { padding: 1 }, GaussianBlur: { kernel_size: 3 }, RandomAffine: { degrees: 5 } }),
  ...from({ RandomRotation: { degrees: 5 }, RandomPosterize: { bits: 4 }, RandomSolarize: { threshold: 128 } }),
  ...from({ RandomAdjustSharpness: { sharpness_factor: 2 }, Normalize: { mean: [0, 0, 0], std: [1, 1, 1] } }),
  ...from({ ToDtype: { dtype: "float32" }, Compose: { transforms: [flip] }, RandomApply: { transforms: [flip] } }),
  ...from({ RandomChoice: { transforms: [flip] }, RandomOrder: { transforms: [flip] } }),
  ...from({ InterpolationMode: { value: "bilinear" }, AutoAugmentPolicy: { value: "imagenet" } }),
  ...from({ EarlyStopping: { monitor: "val/loss" }, GradientAccumulationScheduler: { scheduling: { 0: 1 } } }),
  ...from({ StochasticWeightAveraging: { swa_lrs: 0.01 }, Timer: { duration: { hours: 1 } } }),
  ...from({ WandbLogger: { offline: true, save_dir: folder }, MLFlowLogger: { save_dir: folder } }),
  ...from({ CSVLogger: { save_dir: folder }, TensorBoardLogger: { save_dir: folder }, timedelta: { hours: 1 } }),
  ...from({ create_model: { model_name: "resnet18" }, get_model: { name: "resnet18" } }),
  ...from({
    ImageFolderDataModule: { data_root: folder },
    ClassificationModel: { network: "resnet18", pretrained: false, ...classes },
  }),
  StepLR: () => ({ optimizer: optimizer(), step_size: 1 }),
  MultiStepLR: () => ({ optimizer: optimizer(), milestones: [1] }),
  ExponentialLR: () => ({ optimizer: optimizer(), gamma: 0.9 }),
  CosineAnnealingLR: () => ({ optimizer: optimizer(), T_max: 2 }),
  CosineAnnealingWarmRestarts: () => ({ optimizer: optimizer(), T_0: 2 }),
  LambdaLR: () => ({ optimizer: optimizer(), lr_lambda: half }),
  MultiplicativeLR: () => ({ optimizer: optimizer(), lr_lambda: half }),
  OneCycleLR: () => ({ optimizer: optimizer(), max_lr: 0.01, total_steps: 4 }),
  CyclicLR: () => ({ optimizer: optimizer(), base_lr: 0.001, max_lr: 0.01, cycle_momentum: false }),
  SequentialLR: () => {
    const first = optimizer();
    const schedulers = [new optim.lrScheduler.ConstantLR(first), new optim.lrScheduler.ConstantLR(first)];
    return { optimizer: first, schedulers, milestones: [1] };
  },
  LinearWarmupCosineAnnealingLR: () => ({ optimizer: optimizer(), warmup_epochs: 1, max_epochs: 4 }),
  get_inverse_sqrt_schedule: () => ({ optimizer: optimizer(), num_warmup_steps: 1 }),
  get_constant_schedule: () => ({ optimizer: optimizer() }),
  get_constant_schedule_with_warmup: () => ({ optimizer: optimizer(), num_warmup_steps: 1 }),
  get_cosine_with_min_lr_schedule_with_warmup: () => ({
    ...{ optimizer: optimizer(), num_warmup_steps: 1, num_training_steps: 4, min_lr: 0.001 },
  }),
  StepLRScheduler: () => ({ optimizer: optimizer(), decay_t: 1 }),
  MultiStepLRScheduler: () => ({ optimizer: optimizer(), decay_t: [1] }),
  ChainedScheduler: () => ({ schedulers: [new optim.lrScheduler.ConstantLR(optimizer())] }),
};

function from(table: Readonly<Record<string, Readonly<Record<string, unknown>>>>) {
  return Object.fromEntries(Object.entries(table).map(([name, options]) => [name, () => options]));
}

function optionsFor(name: string): Readonly<Record<string, unknown>> {
  const last = name.slice(name.lastIndexOf(".") + 1);
  const own = needed[last];
  if (own !== undefined) return own();
  if (/^torchmetrics\.(classification\.)?Multiclass/.test(name)) return classes;
  if (/^torchmetrics\.(classification\.)?Multilabel/.test(name)) return { num_labels: 2 };
  if (/^torchmetrics\.(?!.*Metric$)/.test(name)) return { task: "multiclass", ...classes };
  if (/^torch\.optim\.lr_scheduler\./.test(name)) return { optimizer: optimizer() };
  if (/^timm\.scheduler\./.test(name)) return { optimizer: optimizer(), t_initial: 2 };
  if (/^transformers\./.test(name)) return { optimizer: optimizer(), num_warmup_steps: 1, num_training_steps: 4 };
  if (/optim\.|lion_pytorch\./.test(name)) return { params: parameters() };
  if (/ResNet\d+ClassificationModel/.test(name)) return { ...classes, pretrained: false };
  return {};
}

/** Not made here, and why. */
const absent: Readonly<Record<string, string>> = {
  "torchvision.datasets.ImageFolder": "reads a folder of images",
  "torchvision.datasets.MNIST": "reads the files of MNIST",
  "torchvision.datasets.FashionMNIST": "reads the files of Fashion-MNIST",
  "classifier_training.data.JSONLDataset": "reads a folder of annotations",
  "classifier_training.models.FileClassificationModel": "reads a model file",
  ...Object.fromEntries(
    listModels().map((name) => [`${modelDefinition(name).library}.models.${name}`, "is made in the test of the zoo"]),
  ),
};

describe.each(Object.entries(packages))("every name that %s lists", (_, [table, names]) => {
  test("is found", async () => {
    // The registry wraps Lightning's trainer, and containers of transforms.
    const expected = names.filter((listed) => !/\.Trainer$|\.v2\.Random(Apply|Choice)$/.test(listed));
    for (const listed of expected) expect(await findTarget(listed), listed).toBe(table[listed]);
    for (const listed of names) expect(await findTarget(listed), listed).toBeDefined();
  });

  test("is made of a minimal configuration, or refused with what to use instead", async () => {
    const problems: string[] = [];
    for (const listed of names.filter((candidate) => absent[candidate] === undefined)) {
      const { refusal, object } = table[listed] ?? {};
      if (object !== undefined) continue;
      const made = instantiate({ _target_: listed, ...optionsFor(listed) });
      const problem = await made.then(
        (value) => (value === undefined || refusal !== undefined ? "is nothing" : undefined),
        (error: Error) => (refusal !== undefined && error.message.includes(refusal.fix) ? undefined : error.message),
      );
      if (problem !== undefined) problems.push(`${listed}: ${problem}`);
    }
    expect(problems).toEqual([]);
  });
});
