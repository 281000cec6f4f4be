// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are interpolations of the configuration
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { create, type DictConfig } from "@classifier-training/hydra";
import { BackboneFinetuning, type SchedulerOptions, type TrainerView } from "@classifier-training/lightning";
import type { optim } from "@classifier-training/torch";
import { beforeAll, describe, expect, test } from "vitest";
import { configFolders } from "../src/extensions.ts";
import type { ClassificationModel } from "../src/model/classification-model.ts";
import { configureOptimizers } from "../src/model/optimizers.ts";
import { registerAll } from "../src/registry.ts";
import { buildModel } from "../src/training/components.ts";
import { composed } from "./compose.ts";

beforeAll(() => registerAll());

const group = (name: string) =>
  configFolders().flatMap((folder) => {
    const files = readdirSync(folder).includes(name) ? readdirSync(join(folder, name)) : [];
    return files.map((file) => file.replace(".yaml", ""));
  });

interface Configured {
  readonly optimizer: optim.Optimizer;
  readonly schedule: SchedulerOptions;
  readonly model: ClassificationModel;
}

/** What a trainer of 10 epochs of 4 batches would get. */
async function configured(config: DictConfig, trainer: Partial<TrainerView> = {}): Promise<Configured> {
  const model = await buildModel(config, { numClasses: 2, imageSize: 32, task: "multiclass" });
  const view = { maxEpochs: 10, currentEpoch: 0, callbacks: [], estimateSteppingBatches: async () => 40, ...trainer };
  const spec = await configureOptimizers(model, view as unknown as TrainerView);
  const { optimizer, lrScheduler } = spec as { optimizer: optim.Optimizer; lrScheduler: SchedulerOptions };
  return { optimizer, schedule: lrScheduler, model };
}

/** The command line takes options of the model without a plus; Hydra's own composition does not. */
const product = (...overrides: readonly string[]) =>
  composed(
    "train_basketball_resnet18",
    ["model.pretrained=false", "model.stem=small", "model.width=1", ...overrides].map((override) =>
      override.replace(/^model\./, "++$&"),
    ),
  );

/** Rates of the first parameter group at the beginning of each epoch. */
function ratesOf({ optimizer, schedule }: Configured): number[] {
  const losses = [1, 0.9, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8];
  return losses.map((loss) => {
    const rate = optimizer.paramGroups[0]?.lr as number;
    for (let i = 0; i < (schedule.interval === "step" ? 4 : 1); i++) schedule.scheduler.step(metricFor(schedule, loss));
    return rate;
  });
}

/** Lightning gives a metric to a plateau's schedule alone. */
const metricFor = ({ scheduler }: SchedulerOptions, loss: number) =>
  scheduler.constructor.name === "ReduceLROnPlateau" ? loss : undefined;

/** Recorded with PyTorch 1.13 and timm 1.0: a rate of 0.1, 10 epochs of 4 batches, at the beginning of each epoch. */
const recorded: Readonly<Record<string, readonly number[]>> = {
  constant: [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1],
  cosine: [
    0.1, 0.0975528258, 0.0904508497, 0.0793892626, 0.0654508497, 0.05, 0.0345491503, 0.0206107374, 0.00954915028,
    0.00244717419,
  ],
  cosine_restarts: [
    0.1, 0.0975528258, 0.0904508497, 0.0793892626, 0.0654508497, 0.05, 0.0345491503, 0.0206107374, 0.00954915028,
    0.00244717419,
  ],
  cyclic: [
    1e-5, 0.00080992, 0.00160984, 0.00240976, 0.00320968, 0.0040096, 0.00480952, 0.00560944, 0.00640936, 0.00720928,
  ],
  exponential: [
    0.1, 0.095, 0.09025, 0.0857375, 0.081450625, 0.0773780937, 0.0735091891, 0.0698337296, 0.0663420431, 0.063024941,
  ],
  linear: [0.1, 0.0901, 0.0802, 0.0703, 0.0604, 0.0505, 0.0406, 0.0307, 0.0208, 0.0109],
  multistep: [0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 0.001],
  one_cycle: [
    0.004, 0.0320600794, 0.0834333152, 0.0996856118, 0.0923362406, 0.0766016974, 0.0555984014, 0.033486313,
    0.0146450024, 0.00280622226,
  ],
  plateau: [0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001],
  polynomial: [
    0.1, 0.0909532576, 0.0818052146, 0.0725417847, 0.0631445867, 0.0535886731, 0.0438383291, 0.0338383462, 0.0234923789,
    0.0125892541,
  ],
  step: [0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001],
  timm_cosine: [
    1e-6, 0.0200008, 0.0400006, 0.0600004, 0.0800002, 0.0500005, 0.0345498048, 0.0206115313, 0.00955005479,
    0.00244814971,
  ],
  warmup_cosine: [
    0.0001, 0.02008, 0.04006, 0.06004, 0.08002, 0.1, 0.0909283072, 0.0671783072, 0.0378216928, 0.0140716928,
  ],
};

describe("every file of the group scheduler", () => {
  test("has rates that were recorded", () => {
    expect(group("scheduler").sort()).toEqual(Object.keys(recorded).sort());
  });

  test.each(Object.entries(recorded))("scheduler=%s", async (name, rates) => {
    const quickly = name === "plateau" ? ["model.scheduler.patience=2"] : [];
    const config = product("optimizer=sgd", `scheduler=${name}`, "model.learning_rate=0.1", ...quickly);
    const found = ratesOf(await configured(config));
    for (const [epoch, rate] of rates.entries()) expect(found[epoch], `epoch ${epoch}`).toBeCloseTo(rate, 8);
  });
});

describe("every file of the group optimizer", () => {
  test.each(group("optimizer"))("optimizer=%s", async (name) => {
    const config = product(`optimizer=${name}`, "model.learning_rate=0.003", "model.weight_decay=0.02");
    const { optimizer } = await configured(config);
    // The warm-up has begun.
    expect(optimizer.paramGroups[0]?.["initialLr"]).toBe(0.003);
    expect(optimizer.defaults["weightDecay"]).toBe(name === "rprop" ? undefined : 0.02);
    const own = await configured(product(`optimizer=${name}`, "model.optimizer.lr=0.5", "scheduler=constant"));
    expect(own.optimizer.paramGroups[0]?.lr).toBe(0.5);
  });
});

/** The mapping of a model beside whatever public configurations have there. */
const own =
  "model: {_target_: classifier_training.models.resnet.ResNet18ClassificationModel, pretrained: false, stem: small, width: 1, learning_rate: 0.1";
const sgd = "{_target_: torch.optim.SGD, _partial_: true, lr: 0.2, momentum: 0.9}";
const wholeSgd = "{_target_: torch.optim.SGD, lr: 0.2, momentum: 0.9}";
const target = "_target_: torch.optim.lr_scheduler.";
const cosine = [0.2, 0.1951056516, 0.1809016994];

/** How public configurations write optimizers and schedules, and the first rates that they mean. */
const shapes: Readonly<Record<string, readonly [yaml: string, rates: readonly number[], more?: object]>> = {
  "below the model, partial": [
    `${own}, optimizer: ${sgd}, scheduler: {${target}CosineAnnealingLR, _partial_: true, T_max: 10}}`,
    cosine,
  ],
  "a scheduler of the trainer's length": [
    `${own}, optimizer: ${sgd}, scheduler: {${target}CosineAnnealingLR, _partial_: true, T_max: "\${trainer.max_epochs}"}}\ntrainer: {max_epochs: 10}`,
    cosine,
  ],
  "groups beside the model": [
    `${own}}\noptimizer: ${sgd}\nscheduler: {${target}CosineAnnealingLR, _partial_: true, T_max: 10}`,
    cosine,
  ],
  "groups beside the model, to be instantiated with arguments": [
    `${own}}\noptimizer: ${wholeSgd}\nlr_scheduler: {${target}CosineAnnealingLR, T_max: 10}`,
    cosine,
  ],
  "groups that the model refers to": [
    `${own}, optimizer: "\${optimizer}", scheduler: "\${lr_scheduler}"}\noptimizer: ${wholeSgd}\nlr_scheduler: {${target}CosineAnnealingLR, T_max: 10}`,
    cosine,
  ],
  "Lightning's description of a scheduler": [
    `${own}, optimizer: ${sgd}, scheduler: {scheduler: {${target}ReduceLROnPlateau, _partial_: true, mode: max}, interval: epoch, frequency: 2, monitor: val/acc_top1, strict: false, name: null}}`,
    [0.2, 0.2],
    { interval: "epoch", frequency: 2, monitor: "val/acc_top1", strict: false },
  ],
  "Lightning's description beside the model": [
    `${own}}\noptimizer: ${wholeSgd}\nlr_scheduler: {scheduler: {${target}StepLR, step_size: 1, gamma: 0.5}, interval: step, name: lr}`,
    [0.2, 0.0125],
    { interval: "step", frequency: 1, name: "lr" },
  ],
  "interval and monitor beside the scheduler": [
    `${own}, optimizer: ${sgd}, scheduler: {${target}StepLR, _partial_: true, step_size: 1, gamma: 0.5}, scheduler_interval: step, scheduler_frequency: 2, scheduler_monitor: val/loss}`,
    [0.2, 0.0125],
    { interval: "step", frequency: 2, monitor: "val/loss" },
  ],
  "a one-cycle schedule whose length the trainer knows": [
    `${own}, optimizer: ${sgd}, scheduler: {${target}OneCycleLR, _partial_: true, max_lr: 0.1, epochs: 10}}`,
    [0.004, 0.0320600794],
    { interval: "step" },
  ],
  "a one-cycle schedule of null": [
    `${own}}\noptimizer: ${wholeSgd}\nscheduler: {${target}OneCycleLR, max_lr: 0.1, total_steps: null}`,
    [0.004, 0.0320600794],
  ],
  "timm's module paths": [
    `${own}}\noptimizer: {_target_: torch.optim.adamw.AdamW, _partial_: true, lr: 0.2, foreach: null, capturable: false}\nscheduler: {_target_: timm.scheduler.cosine_lr.CosineLRScheduler, _partial_: true, lr_min: 0.0, noise_range_t: null, noise_pct: 0.67, t_in_epochs: true, initialize: true}`,
    cosine,
  ],
  "timm's factory of optimizers": [
    `${own}, optimizer: {_target_: timm.optim.create_optimizer_v2, _partial_: true, opt: sgd, lr: 0.2, weight_decay: 0.01}, scheduler: {${target}CosineAnnealingLR, _partial_: true}}`,
    cosine,
  ],
  "transformers' functions": [
    `${own}, optimizer: ${sgd}}\nscheduler: {_target_: transformers.get_cosine_schedule_with_warmup, num_warmup_steps: 0}`,
    cosine,
    { interval: "step" },
  ],
  "Lightning Bolts' warm-up": [
    `${own}, optimizer: ${sgd}, scheduler: {_target_: pl_bolts.optimizers.lr_scheduler.LinearWarmupCosineAnnealingLR, _partial_: true, warmup_epochs: 2, max_epochs: 10}}`,
    [0, 0.2, 0.2, 0.1923879533],
  ],
  "schedules in a row, the last of the rest of the training": [
    `${own}, optimizer: ${sgd}}\nscheduler: {${target}SequentialLR, milestones: [2], schedulers: [{${target}LinearLR, start_factor: 0.1, total_iters: 2}, {${target}CosineAnnealingLR}]}`,
    [0.02, 0.11, 0.2, 0.1923879533],
  ],
  "chained schedules": [
    `${own}, optimizer: ${sgd}, scheduler: {${target}ChainedScheduler, _partial_: true, schedulers: [{${target}ConstantLR, _partial_: true, factor: 0.5, total_iters: 2}, {${target}ExponentialLR, _partial_: true, gamma: 0.9}]}}`,
    [0.1, 0.09, 0.162],
  ],
};

test.each(Object.entries(shapes))("%s", async (_name, [yaml, rates, more = {}]) => {
  const made = await configured(create(yaml) as DictConfig);
  expect(made.schedule).toMatchObject(more);
  const found = ratesOf(made);
  for (const [epoch, rate] of rates.entries()) expect(found[epoch], `epoch ${epoch}`).toBeCloseTo(rate, 8);
});

const refused: Readonly<Record<string, readonly [yaml: string, message: string | RegExp]>> = {
  "the model's and one beside it": [
    `${own}, optimizer: ${sgd}}\noptimizer: ${sgd}`,
    "the configuration has both 'model.optimizer' and 'optimizer'",
  ],
  "two names of one part": [
    `${own}, loss: {_target_: torch.nn.CrossEntropyLoss}, criterion: {_target_: torch.nn.CrossEntropyLoss}}`,
    "the configuration has both 'model.loss' and 'model.criterion'",
  ],
  "an unknown key beside a scheduler": [
    `${own}, scheduler: {scheduler: {${target}StepLR, _partial_: true}, intervall: step}}`,
    "did you mean 'interval'?",
  ],
  "an optimizer of timm that is not here": [
    `${own}, optimizer: {_target_: timm.optim.AdamP}}`,
    /timm.optim.AdamP is not built in[\s\S]*use timm.optim.AdamW/,
  ],
  "timm's noise": [
    `${own}, scheduler: {_target_: timm.scheduler.CosineLRScheduler, noise_range_t: 3}}`,
    "option 'noise_range_t' cannot be 3 here",
  ],
  "probabilities as logits": [
    `${own}, criterion: {_target_: torch.nn.NLLLoss}}`,
    "NLLLoss takes log probabilities, and the network gives logits",
  ],
  "an unknown stage": [`${own}, freeze: [stem, layer9]}`, "unknown stage 'layer9'"],
  "more stages than there are": [`${own}, freeze: 9}`, "model.freeze: expected at most 5 stages, received 9"],
  "two makers of groups": [
    `${own}, layer_decay: 0.7, param_groups: {head: {lr: 1}}}`,
    "model.layer_decay and model.param_groups both make the groups of parameters",
  ],
  "a part that is not there": [`${own}, param_groups: {layer5: {lr: 1}}}`, "'resnet18' has no part 'layer5'"],
};

test.each(Object.entries(refused))("%s: refused with what to do", async (_name, [yaml, message]) => {
  await expect(configured(create(yaml) as DictConfig)).rejects.toThrow(message);
});

test("a schedule that needs a length says so where the training has none", async () => {
  const config = product("scheduler=cosine");
  const endless = { maxEpochs: -1, estimateSteppingBatches: async () => Number.POSITIVE_INFINITY };
  await expect(configured(config, endless)).rejects.toThrow(
    /t_max is not given, and the training has no fixed length[\s\S]*set trainer.max_epochs/,
  );
});

test("rates fall from the head to the stem, warm up and decay together, and have the stages' names", async () => {
  const { optimizer, schedule } = await configured(product("model.layer_decay=0.5", "model.learning_rate=0.1"));
  const named = () => Object.fromEntries(optimizer.paramGroups.map(({ name, lr }) => [name, lr]));
  for (let epoch = 0; epoch < 5; epoch++) schedule.scheduler.step();
  expect(named()).toEqual({ stem: 0.003125, layer1: 0.00625, layer2: 0.0125, layer3: 0.025, layer4: 0.05, head: 0.1 });
  for (let epoch = 5; epoch < 10; epoch++) schedule.scheduler.step();
  expect(named()["stem"]).toBeCloseTo(0.003125 * 0.05, 12);
  expect(named()["head"]).toBeCloseTo(0.1 * 0.05, 12);
});

test("groups by name: a stage, a module in it, the head, and the rest", async () => {
  const parts = "{head: {lr: 0.5}, layer4: {lr: 0.25, weight_decay: 0}, layer4.0.conv1: {lr: 0.125}}";
  const yaml = `${own}, warmup_start_factor: 1, no_decay_on_norms: true, param_groups: ${parts}}`;
  const config = create(yaml) as DictConfig;
  const { optimizer, model } = await configured(config);
  const groups = optimizer.paramGroups.map(({ name, lr, weightDecay, params }) => [
    name,
    lr,
    weightDecay,
    params.length,
  ]);
  expect(groups).toEqual([
    ["rest", 0.1, 0.0001, 15],
    ["rest.no_decay", 0.1, 0, 30],
    ["head", 0.5, 0.0001, 1],
    ["head.no_decay", 0.5, 0, 1],
    ["layer4", 0.25, 0, 14],
    ["layer4.0.conv1", 0.125, 0.0001, 1],
  ]);
  expect(groups.reduce((sum, [, , , count]) => sum + Number(count), 0)).toBe([...model.parameters()].length);
});

test("an optimizer's own weight decay holds for the groups, too", async () => {
  const config = product("optimizer=adamw", "model.optimizer.weight_decay=0.3", "model.no_decay_on_norms=true");
  const { optimizer } = await configured(config);
  expect(optimizer.paramGroups.map(({ weightDecay }) => weightDecay)).toEqual([0.3, 0]);
});

test("frozen stages are not optimized, unless they are unfrozen later: one more every so many epochs", async () => {
  const frozen = await configured(product("model.freeze=[stem,layer1]"));
  const all = [...frozen.model.parameters()];
  expect(frozen.optimizer.paramGroups[0]?.params).toHaveLength(all.filter((p) => p.requiresGrad).length);
  expect(all.filter((p) => !p.requiresGrad).length).toBe(15);
  expect([...frozen.model.backbone.parameters()]).toHaveLength(all.length - 15 - 2);

  const { optimizer, model } = await configured(product("model.unfreeze=2"));
  expect(optimizer.paramGroups[0]?.params).toHaveLength([...model.parameters()].length);
  const trained = (epoch: number) => {
    model.frozen?.apply(epoch);
    model.train();
    const names = [...model.model.namedParameters()].filter(([, p]) => p.requiresGrad).map(([name]) => name);
    const norms = [...model.model.namedModules()].filter(([name, m]) => /bn1$/.test(name) && m.training);
    return [new Set(names.map((name) => name.split(".")[0])).size, norms.length];
  };
  expect([0, 1, 2, 5, 9, 10, 30].map(trained)).toEqual([
    [1, 0],
    [1, 0],
    [2, 2],
    [3, 4],
    [5, 8],
    [7, 9],
    [7, 9],
  ]);
  const callbacks = [new BackboneFinetuning()];
  await expect(configured(product("model.unfreeze=2"), { callbacks })).rejects.toThrow(
    "model.unfreeze and the callback BackboneFinetuning both say when the network is trained",
  );
});
