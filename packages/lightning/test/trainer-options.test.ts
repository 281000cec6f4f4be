import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { optim, type Tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import {
  type Callback,
  CSVLogger,
  EarlyStopping,
  type LightningModule,
  ModelCheckpoint,
  ProgressBar,
  Timer,
  Trainer,
  type TrainerOptions,
  targets,
} from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";
import { dir, said } from "./workbench.ts";

/** Writes down what happens: t for a training batch, v for a validation of however many batches, E for an epoch's end. */
class Diary extends BoringModule {
  entries = "";
  override onTrainBatchEnd(): void {
    this.entries += "t";
  }
  override onValidationStart(): void {
    this.entries += this.trainer.sanityChecking ? "s" : "v";
  }
  override onTrainEpochEnd(): void {
    this.entries += "E";
  }
}

function make(options: TrainerOptions): Trainer {
  return new Trainer({
    numSanityValSteps: 0,
    logger: false,
    enableCheckpointing: [options.callbacks ?? []].flat().some((one) => one instanceof ModelCheckpoint),
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    ...options,
  });
}

async function diary(options: TrainerOptions, batches = 6): Promise<string> {
  const module = new Diary();
  await make(options).fit(module, { trainDataloaders: numbers(batches), valDataloaders: numbers(4) });
  return module.entries;
}

test.each<[string, TrainerOptions, string]>([
  ["after every batch", { maxEpochs: 1, valCheckInterval: { batches: 1 } }, "tvtvtvtvtvtvE"],
  ["at a fraction that is less than a batch", { maxEpochs: 1, valCheckInterval: 0.1 }, "tvtvtvtvtvtvE"],
  ["at 0.0, which is less than a batch too", { maxEpochs: 1, valCheckInterval: 0 }, "tvtvtvtvtvtvE"],
  ["at a fraction that does not divide the epoch", { maxEpochs: 1, valCheckInterval: 0.7 }, "ttttvttE"],
  ["every second epoch", { maxEpochs: 3, checkValEveryNEpoch: 2 }, "ttttttEttttttvEttttttE"],
  [
    "over epochs, by more batches than an epoch has",
    { maxEpochs: 3, checkValEveryNEpoch: null, valCheckInterval: 8 },
    "ttttttEttvttttEttttvttE",
  ],
  [
    "by batches, whatever the accumulation of gradients",
    { maxEpochs: 1, valCheckInterval: 3, accumulateGradBatches: 2 },
    "tttvtttvE",
  ],
  ["within an epoch that ends with maxSteps", { maxSteps: 4, valCheckInterval: 3 }, "tttvtE"],
  ["when training is stopped within an epoch", { maxTime: { seconds: 0 }, minSteps: 8 }, "ttttttvEttvE"],
  ["by time", { maxEpochs: 2, valCheckInterval: "00:00:00:00" }, "tvtvtvtvtvtvEtvtvtvtvtvtvE"],
  ["by a time that has not passed", { maxEpochs: 2, valCheckInterval: { hours: 1 } }, "ttttttEttttttE"],
  ["by time, over epochs", { maxEpochs: 1, valCheckInterval: { hours: 1 }, checkValEveryNEpoch: null }, "ttttttE"],
  ["not at all", { maxEpochs: 1, limitValBatches: { batches: 0 }, numSanityValSteps: 2 }, "ttttttE"],
  ["before training, too", { maxEpochs: 1, numSanityValSteps: -1 }, "sttttttvE"],
  ["once for a trial", { fastDevRun: 2, valCheckInterval: { batches: 1 }, numSanityValSteps: 2 }, "ttvE"],
  ["on the batches to overfit, in a trial as well", { fastDevRun: 3, overfitBatches: 0.5 }, "tttvE"],
  ["not for no epochs", { maxEpochs: 0 }, ""],
  ["not for no steps", { maxSteps: 0 }, ""],
  ["not for no training batches", { maxEpochs: 1, limitTrainBatches: 0 }, ""],
])("validation runs %s", async (_when, options, expected) => {
  expect(await diary(options)).toBe(expected);
});

test("with minEpochs and minSteps, who wants to stop waits for both", async () => {
  const stopping = () => new EarlyStopping({ monitor: "loss_epoch", stoppingThreshold: Number.MAX_VALUE });
  expect(await diary({ maxEpochs: 9, callbacks: [stopping()] }, 3)).toBe("tttvE");
  expect(await diary({ maxEpochs: 9, minEpochs: 3, callbacks: [stopping()] }, 3)).toBe("tttvEtttvEtttvE");
  expect(await diary({ maxEpochs: 9, minSteps: 5, callbacks: [stopping()] }, 3)).toBe("tttvEttvE");
  expect(said.join("\n")).toContain("`minEpochs=1` or `minSteps=5` has not been met");
});

test("without a limit there are 1000 epochs, and with a time there is none", async () => {
  const unlimited = make({ limitTrainBatches: 0 });
  expect([unlimited.maxEpochs, said]).toEqual([1000, []]);
  await unlimited.fit(new BoringModule(), { trainDataloaders: numbers(1) });
  expect(said.join("\n")).toContain("`maxEpochs` was not set. Setting it to 1000 epochs");
  expect(make({ maxTime: "00:01:00:00" }).maxEpochs).toBe(-1);
  expect(make({ callbacks: [new Timer({ duration: { minutes: 1 } })] }).maxEpochs).toBe(-1);
  expect(make({ maxSteps: 3 }).maxEpochs).toBe(-1);
  expect(make({ minSteps: 3 }).minEpochs).toBe(1);
});

test.each([" 00:00:01:30 ", { minutes: 1.5 }, { seconds: 89, milliseconds: 1000 }])(
  "a time of %j is 90 s",
  (maxTime) => {
    const timer = make({ maxTime }).callbacks.find((one): one is Timer => one instanceof Timer);
    expect(timer?.timeRemaining()).toBe(90);
  },
);

test("a run resumed within an epoch, or one that goes by steps, is not checked again before it", async () => {
  const resumed = async (maxSteps: number, options: TrainerOptions) => {
    rmSync(join(dir, "ck"), { recursive: true, force: true });
    const keep = () => new ModelCheckpoint({ dirpath: join(dir, "ck"), saveLast: true, everyNTrainSteps: 1 });
    const module = new Diary();
    const data = { trainDataloaders: numbers(3), valDataloaders: numbers(1), ckptPath: "last" };
    await make({ maxEpochs: 2, maxSteps, callbacks: [keep()] }).fit(new Diary(), data);
    await make({ maxEpochs: 2, numSanityValSteps: 1, callbacks: [keep()], ...options }).fit(module, data);
    return module.entries;
  };
  expect(await resumed(2, {})).toBe("tvEtttvE");
  expect(await resumed(4, { maxEpochs: -1, maxSteps: 5 })).toBe("tE");
});

test("null is the default", async () => {
  const trainer = make({ logger: null, enableCheckpointing: null, enableProgressBar: null, logEveryNSteps: null });
  expect(trainer.loggers.length).toBe(1);
  expect(trainer.logEveryNSteps).toBe(50);
  expect(trainer.callbacks.some((one) => one instanceof ModelCheckpoint)).toBe(true);
  expect(trainer.callbacks.some((one) => one instanceof ProgressBar)).toBe(true);
  expect(await diary({ maxEpochs: 1, numSanityValSteps: null, limitValBatches: null, valCheckInterval: null })).toBe(
    "sttttttvE",
  );
});

test("a trial leaves nothing behind, and stops nobody early", async () => {
  const callbacks: Callback[] = [
    new ModelCheckpoint({ dirpath: join(dir, "ck"), saveTopK: -1 }),
    new EarlyStopping({ monitor: "what nobody logs" }),
  ];
  const logger = new CSVLogger({ saveDir: dir });
  expect(await diary({ fastDevRun: true, callbacks, logger, enableCheckpointing: true })).toBe("tvE");
  expect(readdirSync(dir)).toEqual([]);
});

test("barebones refuses what slows down when it was asked for, and logs nothing", async () => {
  const bare = (options: TrainerOptions) => () =>
    new Trainer({ barebones: true, defaultRootDir: dir, maxEpochs: 1, ...options });
  const conflicts: [string, TrainerOptions][] = [
    ["enableCheckpointing", { enableCheckpointing: true }],
    ["logger", { logger: true }],
    ["logger", { logger: [] }],
    ["enableProgressBar", { enableProgressBar: true }],
    ["logEveryNSteps", { logEveryNSteps: 50 }],
    ["enableModelSummary", { enableModelSummary: true }],
    ["numSanityValSteps", { numSanityValSteps: 2 }],
    ["fastDevRun", { fastDevRun: true }],
    ["detectAnomaly", { detectAnomaly: true }],
    ["profiler", { profiler: "simple" }],
  ];
  for (const [name, options] of conflicts) expect(bare(options)).toThrow(`slows training, and ${name} was set`);
  const trainer = bare({ logger: false, logEveryNSteps: 0, numSanityValSteps: 0, enableProgressBar: false })();
  await trainer.fit(new BoringModule(), { trainDataloaders: numbers(2), valDataloaders: numbers(2) });
  expect(trainer.callbackMetrics).toEqual({});
  expect(readdirSync(dir)).toEqual([]);
});

test("values that mean nothing are refused when the trainer is made", () => {
  const making = (options: object) => () => new Trainer(options as TrainerOptions);
  for (const name of [
    "limitTrainBatches",
    "limitValBatches",
    "limitTestBatches",
    "overfitBatches",
    "valCheckInterval",
  ]) {
    expect(making({ [name]: 1.5 })).toThrow(name);
    expect(making({ [name]: -1 })).toThrow(name);
  }
  expect(making({ valCheckInterval: { batches: 0 } })).toThrow("expected at least 1 batch, received 0");
  expect(making({ checkValEveryNEpoch: null, valCheckInterval: 1 })).toThrow("expected a number of batches or a time");
  expect(making({ checkValEveryNEpoch: null, valCheckInterval: 0.5 })).toThrow("expected a number of batches");
  expect(making({ checkValEveryNEpoch: 0 })).toThrow("checkValEveryNEpoch");
  expect(making({ maxEpochs: -2 })).toThrow("maxEpochs");
  expect(making({ maxSteps: -2 })).toThrow("maxSteps");
  expect(making({ maxTime: "1:00:00" })).toThrow("maxTime");
  expect(making({ fastDevRun: -1 })).toThrow("fastDevRun");
  expect(making({ gradientClipAlgorithm: "sum" })).toThrow("gradientClipAlgorithm");
  expect(making({ profiler: "fast" })).toThrow("profiler");
  expect(making({ accumulateGradBatches: 0 })).toThrow("accumulateGradBatches");
  expect(making({ callbacks: [new ProgressBar(), new ProgressBar()] })).toThrow("multiple progress bar callbacks");
});

test("names are taken in any case, and a clip value of 0 or less clips nothing", async () => {
  const trainer = make({ gradientClipAlgorithm: "Value", profiler: "Simple", gradientClipVal: -1, maxEpochs: 1 });
  await trainer.fit(new BoringModule(), { trainDataloaders: numbers(2) });
  expect(said.join("\n")).toContain("optimizerStep");
});

test("a module that cannot do what is asked is refused at once", async () => {
  const data = { trainDataloaders: numbers(2), valDataloaders: numbers(2) };
  class Without extends BoringModule {}
  const without = (method: keyof LightningModule) => {
    const module = new Without();
    Object.defineProperty(module, method, { value: undefined });
    return module;
  };
  await expect(make({ maxEpochs: 1 }).fit(without("trainingStep"), data)).rejects.toThrow("No `trainingStep()`");
  await expect(make({ maxEpochs: 1 }).fit(without("configureOptimizers"), data)).rejects.toThrow(
    "No `configureOptimizers()` method defined",
  );
  await expect(make({}).validate(without("validationStep"), { dataloaders: numbers(1) })).rejects.toThrow(
    "No `validationStep()` method defined to run `Trainer.validate`",
  );
  await expect(make({}).test(without("testStep"), { dataloaders: numbers(1) })).rejects.toThrow("No `testStep()`");
  await make({ maxEpochs: 1 }).fit(without("validationStep"), data);
  expect(said.join("\n")).toContain("the module has no `validationStep`: validation is skipped");
  class Manual extends BoringModule {
    override readonly automaticOptimization = false;
    override trainingStep(batch: Tensor): Tensor {
      return this.forward(batch).mean();
    }
    override configureOptimizers() {
      return new optim.SGD(this.parameters(), { lr: 0.1 });
    }
  }
  await expect(make({ maxEpochs: 1, gradientClipVal: 1 }).fit(new Manual(), data)).rejects.toThrow(
    "gradientClipVal is 1",
  );
  await expect(make({ maxEpochs: 1, accumulateGradBatches: 2 }).fit(new Manual(), data)).rejects.toThrow(
    "accumulateGradBatches is 2",
  );
});

test("what is made of YAML complains in YAML's names", () => {
  const target = targets["lightning.pytorch.Trainer"];
  const making = (options: object) => () => target?.invoke([], { ...options } as Record<string, unknown>);
  expect(making({ check_val_every_n_epoch: null, val_check_interval: 0.5 })).toThrow(
    "val_check_interval: expected a number of batches or a time when check_val_every_n_epoch is null",
  );
  expect(making({ barebones: true, log_every_n_steps: 5 })).toThrow("slows training, and log_every_n_steps was set");
  expect(making({ max_epochs: -5 })).toThrow("max_epochs: ");
});
