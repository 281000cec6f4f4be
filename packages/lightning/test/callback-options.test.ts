import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { nn, optim, type Tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import {
  BackboneFinetuning,
  BatchSizeFinder,
  type Callback,
  CSVLogger,
  DeviceStatsMonitor,
  GradientAccumulationScheduler,
  LearningRateFinder,
  LearningRateMonitor,
  LightningDataModule,
  loadCheckpoint,
  ModelCheckpoint,
  type ModelCheckpointOptions,
  Timer,
  Trainer,
  type TrainerOptions,
  targets,
} from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";
import { dir, said } from "./workbench.ts";

function make(callbacks: readonly Callback[], options: TrainerOptions = {}): Trainer {
  return new Trainer({
    maxEpochs: 2,
    numSanityValSteps: 0,
    logger: false,
    enableCheckpointing: callbacks.some((one) => one instanceof ModelCheckpoint),
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    callbacks: [...callbacks],
    ...options,
  });
}

const data = () => ({ trainDataloaders: numbers(4), valDataloaders: numbers(2) });

class Slashed extends BoringModule {
  override validationStep(batch: Tensor): void {
    this.log("val/loss", this.forward(batch).pow(2).mean());
    this.log("fixed", 0.123);
  }
}

/** What is in the folder after a training, by name. */
async function saved(options: ModelCheckpointOptions, trainerOptions: TrainerOptions = {}) {
  const checkpoint = new ModelCheckpoint({ dirpath: join(dir, "ck"), ...options });
  await make([checkpoint], trainerOptions).fit(new Slashed(), data());
  if (!existsSync(join(dir, "ck"))) return [];
  return (readdirSync(join(dir, "ck"), { recursive: true }) as string[])
    .filter((name) => name.endsWith(".ckpt"))
    .sort();
}

test.each<[string, ModelCheckpointOptions, TrainerOptions, readonly string[]]>([
  ["by steps", { everyNTrainSteps: 3, saveTopK: -1 }, {}, ["epoch=0-step=3.ckpt", "epoch=1-step=6.ckpt"]],
  [
    "by steps that only some batches take",
    { everyNTrainSteps: 1, saveTopK: -1 },
    { accumulateGradBatches: 3 },
    ["epoch=0-step=1.ckpt", "epoch=0-step=2.ckpt", "epoch=1-step=3.ckpt", "epoch=1-step=4.ckpt"],
  ],
  ["by epochs", { everyNEpochs: 2, saveTopK: -1 }, { maxEpochs: 3 }, ["epoch=1-step=8.ckpt"]],
  ["never, with everyNEpochs 0", { everyNEpochs: 0, saveTopK: -1 }, {}, []],
  [
    "by time, at each batch when none need pass",
    { trainTimeInterval: { seconds: 0 }, saveTopK: -1 },
    { maxEpochs: 1 },
    ["epoch=0-step=1.ckpt", "epoch=0-step=2.ckpt", "epoch=0-step=3.ckpt", "epoch=0-step=4.ckpt"],
  ],
  ["by time that does not pass", { trainTimeInterval: "00:01:00:00" }, {}, []],
  [
    "after each validation within an epoch",
    { saveTopK: -1 },
    { maxEpochs: 1, valCheckInterval: 0.5 },
    ["epoch=0-step=2.ckpt", "epoch=0-step=4.ckpt"],
  ],
  [
    "at the end of the epoch all the same",
    { saveTopK: -1, saveOnTrainEpochEnd: true },
    { maxEpochs: 1, valCheckInterval: 0.5 },
    ["epoch=0-step=4.ckpt"],
  ],
  ["by a metric that no validation measures, which is said", { monitor: "val/loss" }, { limitValBatches: 0 }, []],
  [
    "with a metric's slash as a folder",
    { filename: "{epoch:02d}-{fixed:.2f}-{val/none}", saveTopK: -1 },
    { maxEpochs: 1 },
    ["epoch=00-fixed=0.12-val/none=0.ckpt"],
  ],
  [
    "under a name without the metrics' names",
    { filename: "e{epoch:02d}-l{fixed:.3f}", autoInsertMetricName: false },
    { maxEpochs: 1 },
    ["e00-l0.123.ckpt"],
  ],
  [
    "several under one name, with versions",
    { filename: "x", saveTopK: -1, monitor: "fixed" },
    {},
    ["x-v1.ckpt", "x.ckpt"],
  ],
  [
    "several under one name, without",
    { filename: "x", saveTopK: -1, monitor: "fixed", enableVersionCounter: false },
    {},
    ["x.ckpt"],
  ],
  ["under one name that replaces itself, without a metric", { filename: "x", saveTopK: -1 }, {}, ["x.ckpt"]],
  ["nothing but the last", { saveTopK: 0, saveLast: true }, {}, ["last.ckpt"]],
])("a checkpoint is saved %s", async (_how, options, trainerOptions, expected) => {
  expect(await saved(options, trainerOptions)).toEqual(expected);
  if (options.monitor === "val/loss") expect(said.join("\n")).toContain("could not find the monitored key");
});

test("the last one can be a link to what was saved before it", async () => {
  expect(await saved({ saveLast: "link" })).toEqual(["epoch=1-step=8.ckpt", "last.ckpt"]);
  const last = join(dir, "ck", "last.ckpt");
  expect(lstatSync(last).isSymbolicLink()).toBe(true);
  expect(readlinkSync(last)).toBe("epoch=1-step=8.ckpt");
  expect(loadCheckpoint(last).globalStep).toBe(8);
});

test("weights alone are saved when that is asked for", async () => {
  await saved({ saveWeightsOnly: true, filename: "w" });
  const { optimizerStates, loops, stateDict } = loadCheckpoint(join(dir, "ck", "w.ckpt"));
  expect([optimizerStates, loops, stateDict.size]).toEqual([undefined, undefined, 2]);
});

test("an exception saves the run where that is asked for, and never in a trial", async () => {
  class Failing extends Slashed {
    override onTrainBatchEnd(_outputs: unknown, _batch: Tensor, batchIdx: number): void {
      if (batchIdx === 2) throw new RangeError("asked for");
    }
  }
  const fit = (options: TrainerOptions) =>
    make([new ModelCheckpoint({ dirpath: join(dir, "ck"), saveOnException: true })], options).fit(
      new Failing(),
      data(),
    );
  await expect(fit({ fastDevRun: 3 })).rejects.toThrow("asked for");
  expect(readdirSync(dir)).toEqual([]);
  await expect(fit({})).rejects.toThrow("asked for");
  expect(readdirSync(join(dir, "ck"))).toEqual(["epoch=0-step=3.ckpt", "last.ckpt"]);
});

test("checkpoint options that exclude each other are refused", () => {
  const making = (options: object) => () => new ModelCheckpoint(options as ModelCheckpointOptions);
  expect(making({ everyNTrainSteps: 2, everyNEpochs: 1 })).toThrow("should be mutually exclusive");
  expect(making({ everyNTrainSteps: 2, trainTimeInterval: 3 })).toThrow("should be mutually exclusive");
  expect(making({ saveTopK: 2 })).toThrow("No quantity for top_k to track");
  expect(making({ saveTopK: -2 })).toThrow("saveTopK=-2");
  expect(making({ everyNEpochs: -1 })).toThrow("everyNEpochs");
  expect(making({ mode: "best" })).toThrow("mode");
  const target = targets["lightning.pytorch.callbacks.ModelCheckpoint"];
  expect(() => target?.invoke([], { every_n_train_steps: 2, every_n_epochs: 1 })).toThrow(
    "every_n_train_steps=2, every_n_epochs=1 and train_time_interval=null should be mutually exclusive",
  );
});

test("Python's timedelta is a time", () => {
  const half = targets["datetime.timedelta"]?.invoke([], { minutes: 30 });
  const checkpoint = targets["lightning.pytorch.callbacks.ModelCheckpoint"]?.invoke([], { train_time_interval: half });
  expect((checkpoint as ModelCheckpoint).options.trainTimeInterval).toEqual({ minutes: 30 });
  const days = targets["datetime.timedelta"]?.invoke([1, 30], {});
  const timer = targets["lightning.pytorch.callbacks.Timer"]?.invoke([], { duration: days });
  expect((timer as Timer).timeRemaining()).toBe(24 * 3600 + 30);
});

test("a timer looks at the end of epochs when asked to", async () => {
  const run = (interval: "step" | "epoch") => {
    class Started extends Timer {
      override timeElapsed(): number {
        return this.started ? 9 : 0;
      }
      started = false;
      override onTrainStart(): void {
        this.started = true;
      }
    }
    const trainer = make([new Started({ duration: { seconds: 5 }, interval })], { maxEpochs: 5 });
    return trainer.fit(new BoringModule(), data()).then(() => trainer.globalStep);
  };
  expect(await run("step")).toBe(1);
  expect(await run("epoch")).toBe(4);
});

test("a schedule of accumulation begins with 1, and the trainer's own excludes it", async () => {
  const schedule = new GradientAccumulationScheduler({ scheduling: { 2: 4, 1: 2 } });
  expect([0, 1, 2, 9].map((epoch) => schedule.accumulateIn(epoch))).toEqual([1, 2, 4, 4]);
  expect(() => new GradientAccumulationScheduler({ scheduling: {} })).toThrow("at least one epoch");
  expect(() => new GradientAccumulationScheduler({ scheduling: { 0: 0 } })).toThrow();
  expect(() => new GradientAccumulationScheduler({ scheduling: { "-1": 2 } })).toThrow(
    "expected epochs as integers from 0",
  );
  await expect(make([schedule], { accumulateGradBatches: 3 }).fit(new BoringModule(), data())).rejects.toThrow(
    "leave one of them out",
  );
});

class Backboned extends BoringModule {
  readonly backbone = new nn.Sequential(new nn.Linear(1, 1), new nn.BatchNorm1d(1));
  override forward(x: Tensor): Tensor {
    return this.l.call(this.backbone.call(x));
  }
  override configureOptimizers() {
    return new optim.SGD(this.l.parameters(), { lr: 0.01 });
  }
}

test.each([
  [true, 4],
  [false, 2],
])(
  "a backbone's batch norms are never frozen, and with trainBn %s the optimizer gets %i of its parameters",
  async (trainBn, count) => {
    const module = new Backboned();
    const loaders = { trainDataloaders: numbers(2, { size: 2 }) };
    const frozen = make([new BackboneFinetuning({ unfreezeBackboneAtEpoch: 1, trainBn })], { maxEpochs: 1 });
    await frozen.fit(module, loaders);
    const [linear, norm] = [...module.backbone.children()] as [nn.Linear, nn.BatchNorm1d];
    expect([linear.weight.requiresGrad, norm.weight?.requiresGrad]).toEqual([false, true]);
    const options = {
      unfreezeBackboneAtEpoch: 1,
      trainBn,
      backboneInitialLr: 0.004,
      shouldAlign: false,
      lambdaFunc: 3,
    };
    const run = make([new BackboneFinetuning(options)], { maxEpochs: 3 });
    await run.fit(new Backboned(), loaders);
    const groups = run.optimizers[0]?.paramGroups ?? [];
    expect(groups.map(({ lr }) => lr)).toEqual([0.01, 0.012]);
    expect(groups[1]?.params.length).toBe(count);
  },
);

test("the backbone's rate stops at the head's, and a module without a backbone is refused", async () => {
  const run = make([new BackboneFinetuning({ unfreezeBackboneAtEpoch: 0, lambdaFunc: 100 })], { maxEpochs: 2 });
  await run.fit(new Backboned(), { trainDataloaders: numbers(2, { size: 2 }) });
  expect(run.optimizers[0]?.paramGroups.map(({ lr }) => lr)).toEqual([0.01, 0.01]);
  await expect(make([new BackboneFinetuning()]).fit(new BoringModule(), data())).rejects.toThrow(
    "should have a nn.Module `backbone` attribute",
  );
});

test.each([
  ["exponential", [1e-4, 1e-4 * 1e3 ** (2 / 5), 1e-4 * 1e3 ** (3 / 5), 1e-4 * 1e3 ** (4 / 5), 0.1]],
  ["linear", [1e-4, 1e-4 + 0.4 * (0.1 - 1e-4), 1e-4 + 0.6 * (0.1 - 1e-4), 1e-4 + 0.8 * (0.1 - 1e-4), 0.1]],
] as const)("the finder's rates are Lightning's (%s)", async (mode, rates) => {
  const options = { minLr: 1e-4, maxLr: 0.1, numTrainingSteps: 5, mode, earlyStopThreshold: null };
  const finder = new LearningRateFinder(options);
  await make([finder], { maxEpochs: 1 }).fit(new BoringModule(), data());
  for (const [i, rate] of finder.results.lr.entries()) expect(rate).toBeCloseTo(rates[i] as number, 12);
  expect(finder.results.lr.length).toBe(5);
  expect(finder.suggestion).toBeUndefined();
  expect(said.join("\n")).toContain("too few points");
});

test("the suggestion is where the loss falls steepest with the rate, as torch.gradient has it for uneven points", () => {
  const finder = new LearningRateFinder();
  // torch.gradient([5, 4, 1, 0.5, nan left out, 3], spacing=[[1, 2, 4, 8, 32]]) is -1, -1.167, -1.042, -0.086, 0.104.
  finder.results.lr.push(1, 2, 4, 8, 16, 32);
  finder.results.loss.push(5, 4, 1, 0.5, Number.NaN, 3);
  expect(finder.suggest(0, 0)).toBe(2);
  expect(finder.suggest(2, 1)).toBe(4);
  expect(finder.suggest(3, 2)).toBeUndefined();
});

test("the found rate is set in the optimizer and in the module's property, and a wrong property is refused", async () => {
  class Rated extends BoringModule {
    learningRate = 0.5;
  }
  const module = new Rated();
  const finder = new LearningRateFinder({ numTrainingSteps: 30, minLr: 1e-4, maxLr: 0.01 });
  const run = make([finder], { maxEpochs: 1 });
  await run.fit(module, data());
  expect(finder.suggestion).toBeGreaterThan(0);
  expect(module.learningRate).toBe(finder.suggestion);
  expect(run.optimizers[0]?.paramGroups[0]?.lr).toBe(finder.suggestion);
  const wrong = new LearningRateFinder({ attrName: "rate" });
  await expect(make([wrong]).fit(new Rated(), data())).rejects.toThrow("was set to rate");
  const untouched = new Rated();
  const only = new LearningRateFinder({ numTrainingSteps: 30, updateAttr: false });
  await make([only], { maxEpochs: 1 }).fit(untouched, data());
  expect(untouched.learningRate).toBe(0.5);
  await make([new LearningRateFinder()], { fastDevRun: true }).fit(new Rated(), data());
  expect(said.join("\n")).toContain("Skipping learning rate finder");
});

/** Memory for batches up to a size. */
class Limited extends LightningDataModule {
  batch_size = 0;
  readonly tried: number[] = [];
  readonly #fits: number;
  constructor(fits: number) {
    super();
    this.#fits = fits;
  }
  override trainDataloader() {
    const size = this.batch_size;
    const limit = this.#fits;
    this.tried.push(size);
    const source = numbers(100);
    return {
      ...source,
      batches(position: Parameters<typeof source.batches>[0]) {
        if (size > limit) throw new RangeError("out of memory");
        return source.batches(position);
      },
    };
  }
}

test.each<[string, ConstructorParameters<typeof BatchSizeFinder>[0], number, number, readonly number[]]>([
  ["doubles until it fails", {}, 13, 8, [2, 4, 8, 16]],
  ["searches between", { mode: "binsearch", margin: 0 }, 13, 13, [2, 4, 8, 16, 12, 14, 13]],
  ["keeps a margin", { mode: "binsearch", margin: 0.2 }, 13, 10, [2, 4, 8, 16, 12, 14, 13]],
  ["halves when it begins too large", { initVal: 64 }, 13, 8, [64, 32, 16, 8]],
  ["ends at the largest allowed", { maxVal: 6 }, 13, 6, [2, 4, 6]],
  ["ends after so many trials", { maxTrials: 2 }, 13, 4, [2, 4]],
])("the batch size finder %s", async (_how, options, fits, expected, tried) => {
  const datamodule = new Limited(fits);
  const finder = new BatchSizeFinder({ batchArgName: "batch_size", ...options });
  await make([finder], { maxEpochs: 1, limitTrainBatches: 4 }).fit(new BoringModule(), { datamodule });
  expect([finder.optimalBatchSize, datamodule.batch_size]).toEqual([expected, expected]);
  expect(datamodule.tried.slice(1, -1)).toEqual(tried);
});

async function columns(callback: Callback): Promise<string[]> {
  const logger = new CSVLogger({ saveDir: dir, name: null, version: "" });
  await make([callback], { logger, logEveryNSteps: 1, maxEpochs: 1 }).fit(new BoringModule(), data());
  const [head = ""] = readFileSync(join(dir, "metrics.csv"), "utf8").split("\n");
  rmSync(join(dir, "metrics.csv"));
  return head.split(",");
}

test("device figures: the processor's when it computes, none when asked, and only those wanted", async () => {
  const prefix = "DeviceStatsMonitor.on_train_batch_start/";
  const names = (all: readonly string[]) =>
    all.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  expect(names(await columns(new DeviceStatsMonitor()))).toEqual(
    expect.arrayContaining(["cpu_percent", "cpu_vm_percent", "cpu_swap_percent", "tensor_bytes"]),
  );
  expect(names(await columns(new DeviceStatsMonitor({ cpuStats: false })))).toEqual([]);
  const some = new DeviceStatsMonitor({ filterKeys: ["cpu_percent", "gpu_percent"] });
  expect(names(await columns(some))).toEqual(["cpu_percent"]);
  expect(said.join("\n")).toContain("no figures named gpu_percent");
  await expect(make([new DeviceStatsMonitor()]).fit(new BoringModule(), data())).rejects.toThrow(
    "Trainer(logger: false)",
  );
  const evaluation = make([new DeviceStatsMonitor()]).validate(new BoringModule(), {
    dataloaders: numbers(1),
    verbose: false,
  });
  expect(await evaluation).toHaveLength(1);
});

test("rates are logged with momentum, weight decay and a prefix", async () => {
  const monitor = new LearningRateMonitor({ logMomentum: true, logWeightDecay: true, logKeyPrefix: "rates/" });
  expect(await columns(monitor)).toEqual(
    expect.arrayContaining(["rates/lr-SGD", "rates/lr-SGD-momentum", "rates/lr-SGD-weight_decay"]),
  );
});
