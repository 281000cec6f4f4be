import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { manualSeed, nn, optim, type Tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import {
  BackboneFinetuning,
  BatchSizeFinder,
  type Callback,
  CSVLogger,
  checkReproducibility,
  compareDeterminismLogs,
  DeterminismLog,
  DeviceStatsMonitor,
  EMACallback,
  GradientAccumulationScheduler,
  inspectCheckpoint,
  LearningRateFinder,
  LightningDataModule,
  loadCheckpoint,
  ModelCheckpoint,
  ProgressBar,
  readDeterminismLog,
  Timer,
  Trainer,
  type TrainerOptions,
  targets,
} from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";
import { KillableModule, killableLoader } from "./kill/run.ts";
import { dir, said } from "./workbench.ts";

function trainer(callbacks: Callback[], options: TrainerOptions = {}): Trainer {
  return new Trainer({
    maxEpochs: 2,
    logger: false,
    enableCheckpointing: callbacks.some((one) => one instanceof ModelCheckpoint),
    enableProgressBar: callbacks.some((one) => one instanceof ProgressBar),
    enableModelSummary: false,
    defaultRootDir: dir,
    callbacks,
    ...options,
  });
}

const data = () => ({ trainDataloaders: numbers(4), valDataloaders: numbers(2) });
const weights = (map: ReadonlyMap<string, Tensor>) => [...map].map(([name, value]) => [name, value.tolist()]);

/** Keeps the weights that each validation measured. */
class Measured extends BoringModule {
  readonly seen: { loss: number; weights: unknown }[] = [];
  override onValidationEpochEnd(): void {
    if (!this.trainer.sanityChecking) {
      this.seen.push({ loss: this.trainer.callbackMetrics["v"] ?? 0, weights: weights(this.stateDict()) });
    }
  }
}

test("the best checkpoint holds the averaged weights that were measured, and training continues with its own", async () => {
  const module = new Measured();
  const checkpoint = new ModelCheckpoint({ dirpath: dir, monitor: "v", saveLast: true });
  const ema = new EMACallback({ decay: 0.5 });
  const run = trainer([ema, checkpoint], { maxEpochs: 3 });
  await run.fit(module, data());
  const best = loadCheckpoint(checkpoint.bestModelPath);
  const measured = module.seen.find((_, epoch) => epoch === best.epoch);
  expect(weights(best.stateDict)).toEqual(measured?.weights);
  expect(weights(best.trainingStateDict ?? new Map())).not.toEqual(measured?.weights);
  expect(inspectCheckpoint(checkpoint.bestModelPath).summary.monitor?.name).toBe("v");
  const last = inspectCheckpoint(checkpoint.lastModelPath);
  expect(last.weightsSha256).toMatch(/^[0-9a-f]{64}$/);
  expect(weights(module.stateDict())).toEqual(
    weights(loadCheckpoint(checkpoint.lastModelPath).trainingStateDict ?? new Map()),
  );
  // Evaluating the best means the best's weights, not the average of now.
  await run.validate(module, { dataloaders: numbers(2), ckptPath: "best", verbose: false });
  expect(module.seen.at(-1)?.weights).toEqual(measured?.weights);
});

test("averaged weights are swapped back when validation fails", async () => {
  class Failing extends BoringModule {
    override validationStep(): void {
      if (!this.trainer.sanityChecking) throw new TypeError("asked for");
    }
  }
  const module = new Failing();
  const ema = new EMACallback({ decay: 0.9 });
  await expect(trainer([ema]).fit(module, data())).rejects.toThrow("asked for");
  expect(weights(module.stateDict())).not.toEqual(weights(ema.average ?? new Map()));
});

test("gradients are accumulated as the schedule says", async () => {
  const run = trainer([new GradientAccumulationScheduler({ scheduling: { 1: 4 } })]);
  await run.fit(new BoringModule(), data());
  expect(run.globalStep).toBe(4 + 1);
});

test.each([
  ["without a scheduler", (optimizer: optim.SGD) => optimizer],
  [
    "under a scheduler made before",
    (optimizer: optim.SGD) => ({
      optimizer,
      lrScheduler: new optim.lrScheduler.LambdaLR(optimizer, { lrLambda: () => 1 }),
    }),
  ],
])("a backbone is frozen, joins later at a lower rate, and a resumed run knows, %s", async (_, scheduled) => {
  class Two extends BoringModule {
    readonly backbone = new nn.Linear(1, 1);
    override forward(x: Tensor): Tensor {
      return this.l.call(this.backbone.call(x));
    }
    override configureOptimizers() {
      const trained = [...this.parameters()].filter((one) => one.requiresGrad);
      return scheduled(new optim.SGD(trained, { lr: 0.01 }));
    }
  }
  const module = new Two();
  const before = module.backbone.weight.tolist();
  const frozen = () => new BackboneFinetuning({ unfreezeBackboneAtEpoch: 1, lambdaFunc: 2 });
  await trainer([frozen()], { maxEpochs: 1 }).fit(module, data());
  expect(module.backbone.weight.tolist()).toEqual(before);
  const checkpoint = () => new ModelCheckpoint({ dirpath: dir, saveLast: true });
  const joining = trainer([frozen()], { maxEpochs: 2 });
  await joining.fit(new Two(), data());
  expect(joining.optimizers[0]?.paramGroups.map(({ lr }) => lr)).toEqual([0.01, 0.001]);
  const run = trainer([frozen(), checkpoint()], { maxEpochs: 3 });
  await run.fit(new Two(), data());
  expect(run.optimizers[0]?.paramGroups.map(({ lr }) => lr)).toEqual([0.01, 0.002]);
  const resumed = trainer([frozen(), checkpoint()], { maxEpochs: 4 });
  await resumed.fit(new Two(), { ...data(), ckptPath: "last" });
  expect(resumed.optimizers[0]?.paramGroups.map(({ lr }) => lr)).toEqual([0.01, 0.004]);
});

test("the learning rate finder suggests a rate and leaves the weights as they were", async () => {
  let atStart: unknown;
  class Watched extends KillableModule {
    override onTrainEpochStart(): void {
      atStart = weights(this.stateDict());
    }
  }
  const module = new Watched();
  const before = weights(module.stateDict());
  const finder = new LearningRateFinder({ numTrainingSteps: 40, minLr: 1e-5, maxLr: 10 });
  const run = trainer([finder], { maxEpochs: 1 });
  await run.fit(module, { trainDataloaders: killableLoader(5, "train", 0) });
  expect(finder.results.lr.length).toBeGreaterThan(10);
  expect(atStart).toEqual(before);
  expect(run.globalStep).toBe(5);
});

test("the batch size finder doubles until a batch is the whole data", async () => {
  class Data extends LightningDataModule {
    batchSize = 1;
    override trainDataloader() {
      return numbers(Math.ceil(16 / this.batchSize), { size: this.batchSize });
    }
  }
  const datamodule = new Data();
  const finder = new BatchSizeFinder();
  await trainer([finder], { maxEpochs: 1 }).fit(new BoringModule(), { datamodule });
  expect(finder.optimalBatchSize).toBe(16);
  expect(datamodule.batchSize).toBe(16);
});

test("a timer ends training, and says so", async () => {
  const run = trainer([new Timer({ duration: "00:00:00:00" })], { maxEpochs: 100 });
  await run.fit(new BoringModule(), data());
  expect(run.globalStep).toBeLessThan(3);
  expect(said.join("\n")).toContain("Time limit reached");
});

test("a progress bar without a terminal writes plain lines, and a quiet one none", async () => {
  const lines: string[] = [];
  const output = { write: (text: string) => void lines.push(text) };
  await trainer([new ProgressBar({}, output)], { maxEpochs: 1 }).fit(new BoringModule(), data());
  expect(lines.join("")).toMatch(
    /^Epoch 1\/1 loss_epoch=\d+\.\d+ 0:00 left \d.* it\/s loss_step=\d+\.\d+( data \d+%)?\n$/s,
  );
  lines.length = 0;
  await trainer([new ProgressBar({ plainLines: 3 }, output)], { maxEpochs: 7 }).fit(new BoringModule(), data());
  expect(lines.map((line) => line.split(" ")[1])).toEqual(["3/7", "5/7", "7/7"]);
  lines.length = 0;
  await trainer([new ProgressBar({ style: "quiet" }, output)], { maxEpochs: 1 }).fit(new BoringModule(), data());
  expect(lines).toEqual([]);
  await trainer([new ProgressBar({}, { ...output, isTTY: true, columns: 60 })], { maxEpochs: 1 }).fit(
    new BoringModule(),
    data(),
  );
  expect(lines.join("")).toContain("Sanity check ━━━━━━━━━━╌╌╌╌╌╌╌╌╌╌ 1/2");
  expect(lines.join("")).toMatch(/Epoch 1\/1 ━+ 4\/4/);
});

test("device figures go to the loggers at logged steps", async () => {
  const logger = new CSVLogger({ saveDir: dir, name: null, version: "" });
  await trainer([new DeviceStatsMonitor()], { logger, logEveryNSteps: 2 }).fit(new BoringModule(), data());
  expect(readFileSync(join(dir, "metrics.csv"), "utf8")).toContain(
    "DeviceStatsMonitor.on_train_batch_end/live_tensors",
  );
});

test("a repeated run is proved equal, and one that differs names its first step", async () => {
  const run = async (name: string, lr: number) => {
    manualSeed(2);
    class Rated extends BoringModule {
      override configureOptimizers() {
        return new optim.SGD(this.parameters(), { lr });
      }
      override onTrainBatchStart(): void {
        if (name === "late" && this.globalStep === 4)
          for (const group of this.optimizers()[0]?.paramGroups ?? []) group.lr = 0.5;
      }
    }
    const path = join(dir, `${name}.jsonl`);
    await trainer([new DeterminismLog({ everyNSteps: 1, path })]).fit(new Rated(), data());
    return path;
  };
  const original = await run("original", 0.1);
  expect(await checkReproducibility(original, () => run("again", 0.1))).toEqual({ equal: true, compared: 8 });
  expect(await checkReproducibility(original, () => run("late", 0.1))).toMatchObject({
    equal: false,
    compared: 5,
    firstDifference: { step: 5, parts: ["weights", "optimizer"] },
  });
  expect(compareDeterminismLogs(readDeterminismLog(original), []).equal).toBe(false);
  await expect(checkReproducibility(join(dir, "none"), async () => original)).rejects.toThrow(
    "the run has no determinism log",
  );
});

test("configurations find everything under Python's names, and mistakes are named", () => {
  const made = targets["lightning.pytorch.callbacks.ModelCheckpoint"]?.invoke([], { dirpath: dir, save_top_k: -1 });
  expect(made).toBeInstanceOf(ModelCheckpoint);
  expect(targets["pytorch_lightning.Trainer"]?.invoke([], { max_epochs: 3, logger: false })).toBeInstanceOf(Trainer);
  expect(
    targets["classifier_training.callbacks.ema.EMACallback"]?.invoke([], { decay: 0.99, warmup_steps: 2000 }),
  ).toBeInstanceOf(EMACallback);
  expect(() => targets["lightning.pytorch.callbacks.EarlyStopping"]?.invoke([], { monitor: "v", patence: 3 })).toThrow(
    "unknown option 'patence'\n  fix: did you mean 'patience'?",
  );
  expect(() => new Trainer({ maxEpoch: 3 } as TrainerOptions)).toThrow(
    "Trainer has no option 'maxEpoch'\n  fix: did you mean 'maxEpochs'?",
  );
  expect(readdirSync(dir)).toEqual([]);
});
