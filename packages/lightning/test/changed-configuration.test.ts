import { join } from "node:path";
import { optim } from "@classifier-training/torch";
import { expect, test } from "vitest";
import {
  type BatchLoader,
  Callback,
  EarlyStopping,
  ModelCheckpoint,
  StochasticWeightAveraging,
  SumMetric,
  Trainer,
  type TrainerOptions,
  type TrainerView,
} from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";
import { dir, said } from "./workbench.ts";

const { CosineAnnealingLR, LinearLR, OneCycleLR, SequentialLR, StepLR } = optim.lrScheduler;

type Schedule = (optimizer: optim.Optimizer) => object | undefined;

class Scheduled extends BoringModule {
  readonly #options: { lr: number; weightDecay: number };
  readonly #schedule: Schedule;
  readonly rates: number[] = [];
  readonly seen = new SumMetric();
  epochsStarted = 0;
  validations = 0;
  constructor(schedule: Schedule, options: { lr?: number; weightDecay?: number } = {}) {
    super();
    this.#schedule = schedule;
    this.#options = { lr: 0.1, weightDecay: 0, ...options };
  }
  override onTrainEpochStart(): void {
    this.epochsStarted++;
  }
  override onValidationStart(): void {
    if (!this.trainer.sanityChecking) this.validations++;
  }
  override onTrainBatchStart(): void {
    this.rates.push(this.trainer.optimizers[0]?.paramGroups[0]?.lr ?? Number.NaN);
    this.seen.update(1);
  }
  override onTrainEpochEnd(): void {
    this.log("seen", this.seen.compute());
    this.seen.reset();
  }
  override configureOptimizers() {
    const optimizer = new optim.AdamW(this.parameters(), this.#options);
    const lrScheduler = this.#schedule(optimizer);
    return (lrScheduler === undefined ? optimizer : { optimizer, lrScheduler }) as optim.Optimizer;
  }
}

const warmUpAndCosine =
  (epochs: number): Schedule =>
  (optimizer) =>
    new SequentialLR(
      optimizer,
      [
        new LinearLR(optimizer, { startFactor: 0.1, endFactor: 1, totalIters: 2 }),
        new CosineAnnealingLR(optimizer, { tMax: epochs - 2, etaMin: 0.001 }),
      ],
      [2],
    );

async function fit(
  module: Scheduled,
  options: TrainerOptions = {},
  loader: BatchLoader<never> = numbers(2) as never,
  callbacks: readonly Callback[] = [],
) {
  const trainer = new Trainer({
    logger: false,
    numSanityValSteps: 0,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    callbacks: [...callbacks, new ModelCheckpoint({ dirpath: join(dir, "ck"), saveLast: true })],
    ...options,
  });
  await trainer.fit(module, { trainDataloaders: loader, valDataloaders: numbers(1), ckptPath: "last" });
  return trainer;
}

test.each<[string, (epochs: number) => Schedule]>([
  ["warm-up and cosine", warmUpAndCosine],
  ["cosine", (epochs) => (optimizer) => new CosineAnnealingLR(optimizer, { tMax: epochs })],
  [
    "one cycle by step",
    (epochs) => (optimizer) => ({
      scheduler: new OneCycleLR(optimizer, { maxLr: 0.1, totalSteps: 2 * epochs + 1 }),
      interval: "step",
    }),
  ],
])("a %s that is made longer continues as the longer one, and that is one line", async (_what, schedule) => {
  await fit(new Scheduled(schedule(4)), { maxEpochs: 4 });
  const resumed = new Scheduled(schedule(10));
  await fit(resumed, { maxEpochs: 10 });
  const lines = said.filter((line) => line.includes("the configuration has changed"));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(
    /the learning rate schedule is recomputed \((TMax|totalSteps) \d+ to \d+.*\): the rate (is|stays at)/,
  );
  const whole = new Scheduled(schedule(10));
  await fit(whole, { maxEpochs: 10, callbacks: [], enableCheckpointing: false });
  expect(resumed.rates).toHaveLength(12);
  for (const [i, rate] of resumed.rates.entries()) expect(rate).toBeCloseTo(whole.rates[8 + i] ?? Number.NaN, 12);
});

test("a schedule that has not changed is resumed as it was, without a word", async () => {
  await fit(new Scheduled(warmUpAndCosine(8)), { maxEpochs: 4 });
  await fit(new Scheduled(warmUpAndCosine(8)), { maxEpochs: 8 });
  expect(said.join("\n")).not.toContain("the configuration has changed");
});

test("a base rate that was found in the run stays when the schedule is made longer", async () => {
  class Found extends Callback {
    override onTrainStart({ optimizers }: TrainerView): void {
      for (const group of optimizers[0]?.paramGroups ?? []) group.lr = group.initialLr = 0.3;
    }
  }
  const cosine =
    (tMax: number): Schedule =>
    (optimizer) =>
      new CosineAnnealingLR(optimizer, { tMax });
  await fit(new Scheduled(cosine(4)), { maxEpochs: 4 }, numbers(1) as never, [new Found()]);
  const resumed = new Scheduled(cosine(40));
  await fit(resumed, { maxEpochs: 6 }, numbers(1) as never);
  const expected = [4, 5].map((epoch) => (0.3 * (1 + Math.cos((Math.PI * epoch) / 40))) / 2);
  for (const [i, rate] of expected.entries()) expect(resumed.rates[i]).toBeCloseTo(rate, 10);
});

test("a schedule that a callback has put in the place of the longer one is resumed as it was", async () => {
  const swa = () => new StochasticWeightAveraging({ swaLrs: 0.02, swaEpochStart: 2, annealingEpochs: 1 });
  await fit(new Scheduled(warmUpAndCosine(4)), { maxEpochs: 4 }, numbers(1) as never, [swa()]);
  const resumed = new Scheduled(warmUpAndCosine(8));
  await fit(resumed, { maxEpochs: 6 }, numbers(1) as never, [swa()]);
  expect(resumed.rates).toEqual([0.02, 0.02]);
});

test.each<
  [string, Schedule, { lr?: number; weightDecay?: number }, Partial<{ lr: number; weightDecay: number }>, RegExp]
>([
  [
    "weight decay",
    () => undefined,
    { weightDecay: 0.5 },
    { weightDecay: 0.5, lr: 0.1 },
    /weightDecay was 0 and is 0.5/,
  ],
  ["a constant learning rate", () => undefined, { lr: 0.02 }, { lr: 0.02 }, /lr was 0.1 and is 0.02/],
  [
    "the base rate of a schedule",
    (optimizer) => new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }),
    { lr: 0.02 },
    { lr: 0.005 },
    /recomputed \(initialLr 0.1 to 0.02\): the rate is 0.005 here, it was 0.025/,
  ],
])(
  "%s that has changed takes effect in a resumed run, and is said",
  async (_what, schedule, options, expected, line) => {
    await fit(new Scheduled(schedule), { maxEpochs: 2 });
    const trainer = await fit(new Scheduled(schedule, options), { maxEpochs: 2 });
    expect(trainer.optimizers[0]?.paramGroups[0]).toMatchObject(expected);
    expect(said.join("\n")).toMatch(line);
  },
);

const sized = (batches: number, batchSize: number) => ({ ...numbers(batches, { size: batchSize }), batchSize });

test.each<[string, TrainerOptions, ReturnType<typeof sized>, RegExp]>([
  ["a larger batch size", {}, sized(3, 4), /the batch size was 2 and is 4/],
  ["a smaller batch size", {}, sized(12, 1), /the batch size was 2 and is 1/],
  ["a lower limit", { limitTrainBatches: { batches: 3 } }, sized(6, 2), /it had 6 batches and has 3/],
  ["a higher limit", { limitTrainBatches: 1 }, sized(8, 2), /it had 6 batches and has 8/],
])(
  "an epoch that is resumed in its middle with %s is restarted, which is said",
  async (_what, options, loader, why) => {
    const step: Schedule = (optimizer) => new StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    await fit(new Scheduled(step), { maxSteps: 4 }, sized(6, 2) as never);
    const module = new Scheduled(step);
    const trainer = await fit(module, { maxEpochs: 1, ...options }, loader as never);
    const batches = Math.min(
      loader.length,
      options.limitTrainBatches === undefined ? loader.length : trainer.numTrainingBatches,
    );
    expect(said.join("\n")).toMatch(/epoch 1 is restarted, of which 4 batches were done/);
    expect(said.join("\n")).toMatch(why);
    expect(module.rates).toHaveLength(batches);
    expect([module.epochsStarted, module.validations]).toEqual([1, 1]);
    expect(trainer.callbackMetrics["seen"]).toBe(batches);
    expect(trainer.optimizers[0]?.paramGroups[0]?.lr).toBe(0.05);
  },
);

test("the same batches are continued in the middle of the epoch", async () => {
  await fit(new Scheduled(() => undefined), { maxSteps: 4 }, sized(6, 2) as never);
  const module = new Scheduled(() => undefined);
  await fit(module, { maxEpochs: 1 }, sized(6, 2) as never);
  expect([module.rates.length, module.epochsStarted]).toEqual([2, 0]);
});

test("patience and the number of best checkpoints are those of the configuration, and a state that is left is named", async () => {
  const parts = (patience: number, saveTopK: number, mode: "min" | "max" = "min") => ({
    callbacks: [
      new EarlyStopping({ monitor: "v", patience, mode: "max" }),
      new ModelCheckpoint({ dirpath: join(dir, "ck"), monitor: "v", saveTopK, mode, saveLast: true }),
    ],
  });
  await fit(new Scheduled(() => undefined), { maxEpochs: 4, ...parts(7, 4) });
  const made = parts(9, 2);
  await fit(new Scheduled(() => undefined), { maxEpochs: 5, ...made });
  const [stopping, checkpoint] = made.callbacks as [EarlyStopping, ModelCheckpoint];
  expect(stopping.patience).toBe(9);
  expect(checkpoint.bestKModels.size).toBe(2);
  expect(said.join("\n")).toMatch(/patience of EarlyStopping\(monitor='v'\) was 7 and is 9/);
  expect(said.join("\n")).toMatch(/saveTopK is 2 now: .*ckpt, .*ckpt stay/);
  await fit(new Scheduled(() => undefined), { maxEpochs: 6, ...parts(9, 2, "max") });
  expect(said.join("\n")).toMatch(
    /ModelCheckpoint\{.*"max".* begins anew: the checkpoint has the state of ModelCheckpoint\{.*"min"/,
  );
});

test("early stopping says why it stops, asked or not", async () => {
  await fit(new Scheduled(() => undefined), {
    maxEpochs: 30,
    callbacks: [new EarlyStopping({ monitor: "v", patience: 2, minDelta: 1e9 })],
    enableCheckpointing: false,
  });
  expect(
    said.filter((line) => /did not improve in the last 2 records.*Signaling Trainer to stop/.test(line)),
  ).toHaveLength(1);
});
