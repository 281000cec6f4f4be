import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fused, memoryStats, optim, type Tensor } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { ModelCheckpoint, Trainer, type TrainerOptions, TrainingInterrupted } from "../src/index.ts";
import { limitedBatches } from "../src/run/resolved-options.ts";
import { pythonFormat } from "../src/utilities/format.ts";
import { BoringModule, numbers } from "./boring.ts";
import { dir, said } from "./workbench.ts";

/** Counts what it was asked to do. */
class Counting extends BoringModule {
  readonly batches = { train: 0, validate: 0, test: 0 };
  // Small enough for losses to stay finite in many epochs.
  override configureOptimizers() {
    return new optim.SGD(this.parameters(), { lr: 0.001, momentum: 0.9 });
  }
  override trainingStep(batch: Tensor, batchIdx: number): Tensor {
    this.batches.train++;
    return super.trainingStep(batch, batchIdx);
  }
  override validationStep(batch: Tensor, batchIdx: number): void {
    this.batches.validate++;
    super.validationStep(batch, batchIdx);
  }
}

async function fit(options: TrainerOptions, batches = 10, module = new Counting()) {
  const trainer = new Trainer({
    maxEpochs: 2,
    numSanityValSteps: 0,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    ...options,
  });
  await trainer.fit(module, { trainDataloaders: numbers(batches), valDataloaders: numbers(5) });
  return { trainer, ...module.batches };
}

test.each<[string, TrainerOptions, { train: number; validate: number; steps: number }]>([
  ["a fraction of the batches", { limitTrainBatches: 0.3, limitValBatches: 0.4 }, { train: 6, validate: 4, steps: 6 }],
  [
    "a number of batches",
    { limitTrainBatches: 4, limitValBatches: { batches: 1 } },
    { train: 8, validate: 2, steps: 8 },
  ],
  ["no validation", { limitValBatches: 0 }, { train: 20, validate: 0, steps: 20 }],
  ["few batches to overfit", { overfitBatches: 2 }, { train: 4, validate: 4, steps: 4 }],
  ["one batch of everything", { fastDevRun: true }, { train: 1, validate: 1, steps: 1 }],
  ["a number of steps", { maxEpochs: -1, maxSteps: 13 }, { train: 13, validate: 5, steps: 13 }],
  ["accumulated gradients", { accumulateGradBatches: 4 }, { train: 20, validate: 10, steps: 6 }],
  ["validation in between", { valCheckInterval: 0.25 }, { train: 20, validate: 50, steps: 20 }],
  [
    "validation by batches over epochs",
    { valCheckInterval: 8, checkValEveryNEpoch: null },
    { train: 20, validate: 10, steps: 20 },
  ],
  ["nothing that slows down", { barebones: true }, { train: 20, validate: 10, steps: 20 }],
])("%s is trained on when asked for", async (_what, options, expected) => {
  const { trainer, train, validate } = await fit(options);
  expect({ train, validate, steps: trainer.globalStep }).toEqual(expected);
});

test("mixed precision asked for as float16 is bfloat16 on a CPU, with a warning", async () => {
  const { trainer } = await fit({ precision: "16-mixed", accelerator: "cpu" });
  expect(trainer.precision).toBe("bf16-mixed");
  expect(said.join("\n")).toContain('using "bf16-mixed" instead');
  expect((await fit({ precision: 64 })).trainer.precision).toBe("64-true");
  expect((await fit({ precision: "bf16-true" })).trainer.precision).toBe("bf16-true");
});

test("the fastest precision is bfloat16 on a processor that multiplies in it, and float32 on others", async () => {
  const { trainer } = await fit({ precision: "auto", accelerator: "cpu" });
  expect(trainer.precision).toBe(fused.multipliesBfloat16() ? "bf16-mixed" : "32-true");
  expect(said.join("\n")).toContain(`precision: "auto" is ${trainer.precision} on this device`);
});

test("training in steps leaves no tensors behind", async () => {
  await fit({});
  const { liveTensors: before } = memoryStats();
  await fit({ maxEpochs: 8 });
  const { liveTensors: after } = memoryStats();
  // A few belong to the modules and optimizers of the two runs; 80 steps would have left hundreds.
  expect(after - before).toBeLessThan(40);
});

test("predictions come back by batch", async () => {
  const trainer = new Trainer({
    logger: false,
    enableProgressBar: false,
    enableCheckpointing: false,
    defaultRootDir: dir,
  });
  const predictions = await trainer.predict(new BoringModule(), { dataloaders: numbers(3) });
  expect(predictions?.map((one) => (one as Tensor).shape)).toEqual([
    [1, 1],
    [1, 1],
    [1, 1],
  ]);
});

test("what contradicts itself or does not exist is refused with a way out", async () => {
  const options = (value: TrainerOptions) => () => new Trainer(value);
  expect(options({ enableCheckpointing: false, callbacks: [new ModelCheckpoint()] })).toThrow(
    "found `ModelCheckpoint`",
  );
  expect(options({ strategy: "fsdp" })).toThrow("models are trained whole on each device");
  expect(options({ accelerator: "gpuu" })).toThrow("did you mean 'gpu'?");
  expect(options({ precision: "17" as "16" })).toThrow("Trainer: precision: expected");
  expect(options({ checkValEveryNEpoch: null })).toThrow("valCheckInterval: expected a number of batches");
  await expect(fit({ valCheckInterval: 50 })).rejects.toThrow(
    "must be less than or equal to the number of the training batches (10)",
  );
  await expect(fit({ limitTrainBatches: 0.01 })).rejects.toThrow("0.01 * 10 < 1");
  expect(limitedBatches(Number.POSITIVE_INFINITY, 1, "train")).toBe(Number.POSITIVE_INFINITY);
});

test("an anomaly names the batch", async () => {
  class Exploding extends Counting {
    override trainingStep(batch: Tensor, batchIdx: number): Tensor {
      const loss = super.trainingStep(batch, batchIdx);
      // The root of zero is finite, and its slope is not.
      return batchIdx === 2 ? loss.mul(0).sqrt() : loss;
    }
  }
  await expect(fit({ detectAnomaly: true }, 10, new Exploding())).rejects.toThrow(
    "the gradient of l.weight is not finite\n  where: epoch 1, batch 3",
  );
});

test("a profile is a table, or a trace that Chrome opens", async () => {
  await fit({ profiler: "simple" });
  expect(said.join("\n")).toMatch(/trainingStep +\| +\d+\.\d+ \| +20 \|/);
  await fit({ profiler: "chrome" });
  const { traceEvents } = JSON.parse(readFileSync(join(dir, "trace.json"), "utf8")) as {
    traceEvents: { name: string }[];
  };
  expect(traceEvents.filter(({ name }) => name === "optimizerStep").length).toBe(40);
});

test("an interruption is thrown when the process is not to end, and the run is saved", async () => {
  class Interrupted extends Counting {
    override onTrainBatchStart(_batch: Tensor, batchIdx: number): void {
      if (batchIdx === 3) process.emit("SIGTERM", "SIGTERM");
    }
  }
  const checkpoint = new ModelCheckpoint({ dirpath: dir, saveLast: true });
  const options: TrainerOptions = { onSignal: "throw", enableCheckpointing: true, callbacks: [checkpoint] };
  await expect(fit(options, 10, new Interrupted())).rejects.toThrow(TrainingInterrupted);
  expect(process.listenerCount("SIGTERM")).toBe(0);
  expect(checkpoint.lastModelPath).toBe(join(dir, "last.ckpt"));
});

test("numbers are formatted as Python formats them", () => {
  expect([0.1, 1e-5, 1e16, 123456.789, Number.NaN].map((value) => pythonFormat(value, "", false))).toEqual([
    "0.1",
    "1e-05",
    "1e+16",
    "123456.789",
    "nan",
  ]);
  expect(pythonFormat(3, "02d")).toBe("03");
  expect(pythonFormat(0.98765, ".0%")).toBe("99%");
  expect(pythonFormat(0.000012345, "g")).toBe("1.2345e-05");
  expect(pythonFormat(1234567.891, ",.2f")).toBe("1,234,567.89");
  expect(pythonFormat(-3, "05d")).toBe("-0003");
  expect(() => pythonFormat(0.5, "d")).toThrow("Unknown format code 'd'");
});
