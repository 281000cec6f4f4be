import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { manualSeed, noGrad, type Tensor, tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import {
  type BatchLoader,
  Callback,
  CSVLogger,
  EarlyStopping,
  EMACallback,
  loadCheckpoint,
  MeanMetric,
  ModelCheckpoint,
  MulticlassAUROC,
  SumMetric,
  Trainer,
  type TrainerOptions,
  type TrainerView,
} from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";
import { dir, said } from "./workbench.ts";

/** Counts samples in every way there is: metric objects logged and not, values of batches, a callback's own list. */
class Counting extends BoringModule {
  readonly seen = { train: new SumMetric(), val: new SumMetric() };
  readonly logged = new SumMetric();
  readonly mean = new MeanMetric();
  readonly scores = new MulticlassAUROC({ numClasses: 2 });

  override trainingStep(batch: Tensor, batchIdx: number): Tensor {
    this.seen.train.update(batch.shape[0] ?? 0);
    this.mean.update(batchIdx);
    this.log("train/mean", this.mean, { onStep: false, onEpoch: true });
    this.log("train/batches", 1, { onStep: false, onEpoch: true, reduceFx: "sum" });
    return super.trainingStep(batch, batchIdx);
  }
  override onTrainEpochEnd(): void {
    this.log("train/seen", this.seen.train.compute());
    this.seen.train.reset();
  }
  override validationStep(batch: Tensor, batchIdx: number): void {
    this.seen.val.update(batch.shape[0] ?? 0);
    this.logged.update(batch.shape[0] ?? 0);
    this.scores.update(
      tensor([[0.2 + 0.1 * batchIdx, 0.8 - 0.1 * batchIdx]]),
      tensor([batchIdx % 2], { dtype: "int64" }),
    );
    this.log("val/logged", this.logged, { onStep: false, onEpoch: true });
    this.log("val/each", this.forward(batch).mean(), { onStep: true, onEpoch: true });
    this.log("val/batches", 1, { reduceFx: "sum" });
  }
  override onValidationEpochEnd(): void {
    this.log("val/seen", this.seen.val.compute());
    this.log("val/auroc", this.scores.compute() as number);
    this.seen.val.reset();
    this.scores.reset();
  }
}

/** Does something at one call of a hook: the `nth` of a run, sanity checking aside. */
function acting(hook: string, nth: number, act: (trainer: TrainerView) => void): Callback {
  let calls = 0;
  class Acting extends Callback {}
  Object.defineProperty(Acting.prototype, hook, {
    value(trainer: TrainerView) {
      if (!trainer.sanityChecking && calls++ === nth) act(trainer);
    },
  });
  return new Acting();
}

function trainer(where: string, extra: readonly Callback[] = [], options: TrainerOptions = {}) {
  const checkpoint = new ModelCheckpoint({
    dirpath: join(where, "ck"),
    filename: "{epoch}-{step}-{val/seen}-{val/each:.4f}",
    monitor: "val/each",
    saveTopK: 2,
    saveLast: true,
  });
  const stopping = new EarlyStopping({ monitor: "val/each", patience: 50 });
  const made = new Trainer({
    maxEpochs: 3,
    logEveryNSteps: 1,
    enableProgressBar: false,
    enableModelSummary: false,
    onSignal: "throw",
    defaultRootDir: where,
    logger: new CSVLogger({ saveDir: where, name: null, version: "" }),
    callbacks: [...extra, new EMACallback({ decay: 0.9 }), stopping, checkpoint],
    ...options,
  });
  return { made, checkpoint, stopping };
}

const data = { trainDataloaders: numbers(6, { size: 3 }), valDataloaders: numbers(4, { size: 5 }) };

function outcome(where: string, { made, checkpoint, stopping }: ReturnType<typeof trainer>) {
  const local = (path: string) => path.replace(join(where, "ck"), "");
  return {
    step: made.globalStep,
    files: (readdirSync(join(where, "ck"), { recursive: true }) as string[]).sort(),
    best: [...checkpoint.bestKModels].map(([path, score]) => [local(path), score]),
    metrics: readFileSync(join(where, "metrics.csv"), "utf8"),
    weights: JSON.stringify([...loadCheckpoint(checkpoint.lastModelPath).stateDict].map(([, value]) => value.tolist())),
    waited: [stopping.waitCount, stopping.bestScore],
  };
}

const fail = () => {
  throw new RangeError("asked for");
};
const signal = () => void process.emit("SIGTERM");

test.each<[string, string, number, (trainer: TrainerView) => void]>([
  ["a signal in the middle of a validation", "onValidationBatchEnd", 5, signal],
  ["a signal in the middle of an epoch", "onTrainBatchEnd", 8, signal],
  ["an error in the middle of a validation", "onValidationBatchEnd", 5, fail],
  ["an error when a validation's values are computed", "onValidationEpochEnd", 1, fail],
  ["an error after a validation", "onValidationEnd", 1, fail],
  ["an error before a batch", "onTrainBatchStart", 8, fail],
  ["an error before the backward pass of a batch", "onBeforeBackward", 8, fail],
  ["an error before the optimizer's step", "onBeforeOptimizerStep", 8, fail],
  ["an error after a batch", "onTrainBatchEnd", 8, fail],
  ["an error at the start of an epoch", "onTrainEpochStart", 1, fail],
  ["an error at the end of an epoch", "onTrainEpochEnd", 1, fail],
])("after %s the resumed run has the files, scores and rows of an undisturbed one", async (_what, hook, nth, act) => {
  const calm = join(dir, "calm");
  const disturbed = join(dir, "disturbed");
  const whole = trainer(calm);
  manualSeed(5);
  await whole.made.fit(new Counting(), data);
  const expected = outcome(calm, whole);
  expect(expected.metrics).toMatch(/val\/seen/);
  manualSeed(5);
  const { made } = trainer(disturbed, [acting(hook, nth, act)]);
  await expect(made.fit(new Counting(), data)).rejects.toThrow(act === fail ? "asked for" : "interrupted by SIGTERM");
  const { globalStep } = loadCheckpoint(join(disturbed, "ck", "last.ckpt"));
  expect(globalStep).toBe(made.globalStep);
  const resumed = trainer(disturbed);
  await resumed.made.fit(new Counting(), { ...data, ckptPath: "last" });
  expect(outcome(disturbed, resumed)).toEqual(expected);
});

test.each(["test", "validate"] as const)("an interrupted %s leaves nothing for the next one to count", async (fn) => {
  const module = new Counting();
  const hook = fn === "test" ? "onTestBatchEnd" : "onValidationBatchEnd";
  class Tested extends Counting {
    override testStep(batch: Tensor, batchIdx: number): void {
      this.validationStep(batch, batchIdx);
    }
    override onTestEpochEnd(): void {
      this.onValidationEpochEnd();
    }
  }
  const one = fn === "test" ? new Tested() : module;
  const { made } = trainer(dir, [acting(hook, 2, fail)], { logger: false });
  const run = () => made[fn](one, { dataloaders: numbers(4, { size: 5 }), verbose: false });
  await expect(run()).rejects.toThrow("asked for");
  expect((await run())[0]).toMatchObject({ "val/seen": 20, "val/logged": 20, "val/batches": 4 });
});

test("an interrupted sanity check leaves nothing for the next training to count", async () => {
  const module = new Counting();
  class Once extends Callback {
    #done = false;
    override onValidationBatchEnd(): void {
      if (this.#done) return;
      this.#done = true;
      fail();
    }
  }
  const { made } = trainer(dir, [new Once()], { maxEpochs: 1 });
  await expect(made.fit(module, data)).rejects.toThrow("asked for");
  expect(existsSync(join(dir, "ck"))).toBe(false);
  await made.fit(module, data);
  expect(made.callbackMetrics).toMatchObject({
    "val/seen": 20,
    "train/seen": 18,
    "val/batches": 4,
    "train/batches": 6,
  });
});

test("a module that begins anew after an interrupted epoch counts from the start", async () => {
  const module = new Counting();
  await expect(trainer(join(dir, "a"), [acting("onTrainBatchEnd", 3, fail)]).made.fit(module, data)).rejects.toThrow();
  const { made } = trainer(join(dir, "b"), [], { maxEpochs: 1 });
  await made.fit(module, data);
  expect(made.callbackMetrics).toMatchObject({ "train/seen": 18, "train/batches": 6, "train/mean": 2.5 });
});

test("a state that is not finite is not saved over one that is, and that is said", async () => {
  const poison = (at: TrainerView) => {
    noGrad(() => {
      for (const parameter of at.lightningModule.parameters()) parameter.fill_(Number.NaN);
    });
    fail();
  };
  const { made } = trainer(dir, [acting("onTrainBatchEnd", 8, poison)]);
  await expect(made.fit(new Counting(), data)).rejects.toThrow("asked for");
  expect(loadCheckpoint(join(dir, "ck", "last.ckpt")).globalStep).toBe(6);
  expect(said.join("\n")).toMatch(/the run as it stood is not saved: l\.\w+ is not finite; .*last\.ckpt is the newest/);
});

test("a batch whose optimizer step is taken and whose end is not reached is not saved, and that is said", async () => {
  class BadSchedule extends Counting {
    override optimizerStep(
      ...args: Parameters<BoringModule["optimizerStep"]>
    ): ReturnType<BoringModule["optimizerStep"]> {
      const [, batchIdx] = args;
      const done = super.optimizerStep(...args);
      if (this.currentEpoch === 0 || batchIdx < 2) return done;
      return Promise.resolve(done).then(fail);
    }
  }
  await expect(trainer(dir).made.fit(new BadSchedule(), data)).rejects.toThrow("asked for");
  expect(loadCheckpoint(join(dir, "ck", "last.ckpt")).globalStep).toBe(6);
  expect(said.join("\n")).toContain("the error came after the optimizer's step");
});

test("a save that fails after an error is said, and the first error is what is thrown", async () => {
  const broken: BatchLoader<Tensor> = {
    length: 6,
    async *batches(position) {
      yield* numbers(2).batches(position);
      throw new RangeError("this file cannot be read");
    },
  };
  class Unsaved extends Counting {
    override onSaveCheckpoint(): void {
      throw new RangeError("nothing can be saved");
    }
  }
  const fit = trainer(dir).made.fit(new Unsaved(), { ...data, trainDataloaders: broken });
  await expect(fit).rejects.toThrow("this file cannot be read");
  expect(said.join("\n")).toMatch(
    /the run as it stood could not be saved: nothing can be saved; there is no checkpoint/,
  );
});
