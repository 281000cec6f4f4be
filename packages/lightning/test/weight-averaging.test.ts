import { join } from "node:path";
import { manualSeed, nn, optim, type Tensor } from "@classifier-training/torch";
import { expect, test, vi } from "vitest";
import {
  Callback,
  EMACallback,
  loadCheckpoint,
  ModelCheckpoint,
  StochasticWeightAveraging,
  Trainer,
  type TrainerOptions,
} from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";
import { KillableModule, killableLoader } from "./kill/run.ts";
import { dir, said } from "./workbench.ts";

vi.setConfig({ testTimeout: 30_000 });

function trainer(callbacks: readonly Callback[], options: TrainerOptions = {}): Trainer {
  return new Trainer({
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    enableCheckpointing: callbacks.some((one) => one instanceof ModelCheckpoint),
    defaultRootDir: dir,
    callbacks: [...callbacks],
    ...options,
  });
}

const flat = (state: Iterable<readonly [string, Tensor]>) => [...state].flatMap(([, value]) => value.toArray());

/** Keeps weights and rate of each epoch's first batch. */
class Watched extends BoringModule {
  readonly atStart: number[][] = [];
  readonly rates: number[] = [];
  override onTrainBatchStart(_batch: Tensor, batchIdx: number): void {
    if (batchIdx > 0) return;
    this.atStart.push(flat(this.namedParameters()));
    this.rates.push(this.optimizers()[0]?.paramGroups[0]?.lr ?? Number.NaN);
  }
  override configureOptimizers() {
    const optimizer = new optim.SGD(this.parameters(), { lr: 0.1 });
    const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 1, gamma: 0.5 });
    return { optimizer, lrScheduler: { scheduler, interval: "step" as const } };
  }
}

const mean = (rows: readonly (readonly number[])[]) =>
  (rows[0] ?? []).map((_, i) => rows.reduce((sum, row) => sum + (row[i] as number), 0) / rows.length);

test("the model ends with the mean of the weights that the last epochs began with, trained at Lightning's rates", async () => {
  manualSeed(3);
  const module = new Watched();
  const swa = new StochasticWeightAveraging({ swaLrs: 0.01, swaEpochStart: 0.5, annealingEpochs: 2 });
  await trainer([swa], { maxEpochs: 6 }).fit(module, { trainDataloaders: numbers(3) });
  // 0.5 of 6 epochs is the third, and averaging starts there.
  expect(swa.averagedEpochs).toBe(4);
  const expected = mean(module.atStart.slice(2));
  for (const [i, value] of flat(module.namedParameters()).entries())
    expect(value).toBeCloseTo(expected[i] as number, 6);
  // The module's scheduler halves the rate every step until another takes its place, which goes by epochs (cos).
  const before = 0.1 * 0.5 ** 6;
  const rates = [0.1, 0.1 * 0.5 ** 3, before, (before + 0.01) / 2, 0.01, 0.01];
  for (const [i, rate] of module.rates.entries()) expect(rate).toBeCloseTo(rates[i] as number, 12);
  expect(said.join("\n")).toContain("Swapping scheduler `StepLR` for `SWALR`");
});

test.each([
  [1, [0.1, 0.055, 0.01]],
  [2, [0.1, 0.1, 0.055]],
])("as an integer, the start is the %ith epoch", async (swaEpochStart, rates) => {
  class Constant extends Watched {
    override configureOptimizers(): never {
      return new optim.SGD(this.parameters(), { lr: 0.1 }) as never;
    }
  }
  const module = new Constant();
  const swa = new StochasticWeightAveraging({
    swaLrs: [0.01],
    swaEpochStart,
    annealingEpochs: 2,
    annealingStrategy: "linear",
  });
  await trainer([swa], { maxEpochs: 3 }).fit(module, {
    trainDataloaders: numbers(2),
  });
  for (const [i, rate] of module.rates.entries()) expect(rate).toBeCloseTo(rates[i] as number, 12);
});

test("batch norms are estimated anew for the averaged weights, and another function may average", async () => {
  manualSeed(3);
  const module = new KillableModule();
  const latest = new StochasticWeightAveraging({
    swaLrs: 0.001,
    swaEpochStart: 1,
    avgFn: (_average, current, before) => (before === 1 ? current : _average),
  });
  let third: number[] = [];
  class AtEpoch extends Callback {
    override onTrainEpochStart(run: { currentEpoch: number }): void {
      if (run.currentEpoch === 1) third = flat(module.namedParameters());
    }
  }
  const loaders = { trainDataloaders: killableLoader(3, "train", 0) };
  await trainer([new AtEpoch(), latest], { maxEpochs: 3 }).fit(module, loaders);
  expect(flat(module.namedParameters())).toEqual(third);
  const norm = [...module.modules()].find((part) => part instanceof nn.BatchNorm1d) as nn.BatchNorm1d;
  // Momentum is back, and three batches were counted.
  expect([norm.momentum, norm.num_batches_tracked?.item()]).toEqual([0.1, 3]);
});

test("beside a moving average, the mean is of the trained weights, and the best checkpoint holds the moving average that was measured", async () => {
  manualSeed(3);
  const measured: number[][] = [];
  class Both extends Watched {
    override onValidationEpochEnd(): void {
      if (!this.trainer.sanityChecking) measured.push(flat(this.stateDict()));
    }
  }
  const module = new Both();
  const swa = new StochasticWeightAveraging({ swaLrs: 0.01, swaEpochStart: 0.5 });
  const ema = new EMACallback({ decay: 0.9 });
  const checkpoint = new ModelCheckpoint({ dirpath: dir, monitor: "v", saveLast: true });
  await trainer([swa, ema, checkpoint], { maxEpochs: 4 }).fit(module, {
    trainDataloaders: numbers(3),
    valDataloaders: numbers(2),
  });
  const best = loadCheckpoint(checkpoint.bestModelPath);
  expect(flat(best.stateDict)).toEqual(measured[best.epoch]);
  const last = loadCheckpoint(checkpoint.lastModelPath);
  expect(flat(last.stateDict)).toEqual(flat(ema.average ?? new Map()));
  expect(flat(last.trainingStateDict ?? new Map())).not.toEqual(flat(last.stateDict));
  const expected = mean(module.atStart.slice(1));
  for (const [i, value] of flat(module.namedParameters()).entries())
    expect(value).toBeCloseTo(expected[i] as number, 6);
});

test("an interrupted run with both averages ends as the whole one", async () => {
  const run = async (folder: string, breakAt: number | undefined, ckptPath: string | null) => {
    manualSeed(3);
    class Breaking extends Callback {
      override onTrainBatchEnd(of: { globalStep: number }): void {
        if (of.globalStep === breakAt) throw new RangeError("asked for");
      }
    }
    const module = new KillableModule();
    const ema = new EMACallback({ decay: 0.9 });
    const swa = new StochasticWeightAveraging({ swaLrs: 0.002, swaEpochStart: 2, annealingEpochs: 2 });
    const checkpoint = new ModelCheckpoint({ dirpath: join(dir, folder), saveLast: true, everyNTrainSteps: 1 });
    const fit = trainer([ema, swa, checkpoint, new Breaking()], { maxEpochs: 4 }).fit(module, {
      trainDataloaders: killableLoader(4, "train", 0),
      valDataloaders: killableLoader(1, "val", 0),
      ckptPath,
    });
    if (breakAt !== undefined) await expect(fit).rejects.toThrow("asked for");
    await fit.catch(() => {});
    return { weights: flat(module.stateDict()), average: flat(ema.average ?? new Map()) };
  };
  const whole = await run("whole", undefined, null);
  for (const step of [3, 6, 8, 13]) {
    await run(`parts-${step}`, step, null);
    expect({ step, ...(await run(`parts-${step}`, undefined, "last")) }).toEqual({ step, ...whole });
  }
});

test("what cannot be averaged is refused", async () => {
  const make = (options: object) => () => new StochasticWeightAveraging({ swaLrs: 0.1, ...options });
  expect(make({ swaLrs: 0 })).toThrow();
  expect(make({ swaLrs: [0.1, -1] })).toThrow();
  expect(make({ swaEpochStart: 1.5 })).toThrow("expected a fraction up to 1, or an integer");
  expect(make({ swaEpochStart: -0.1 })).toThrow();
  expect(make({ annealingStrategy: "exp" })).toThrow();
  const fit = (options: object, trainerOptions: TrainerOptions) =>
    trainer([make(options)()], trainerOptions).fit(new BoringModule(), { trainDataloaders: numbers(2) });
  await expect(fit({}, { maxEpochs: -1, maxSteps: 2 })).rejects.toThrow("is not supported when `maxEpochs` is -1");
  await expect(fit({ swaLrs: [0.1, 0.2], swaEpochStart: 1 }, { maxEpochs: 2 })).rejects.toThrow(
    "swaLrs: expected 1 rates, one for each parameter group, received 2",
  );
});
