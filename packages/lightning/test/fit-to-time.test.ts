import { rmSync } from "node:fs";
import { join } from "node:path";
import { optim } from "@classifier-training/torch";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FitToTime, ModelCheckpoint, Trainer } from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";
import { dir, said } from "./workbench.ts";

const { CosineAnnealingLR, OneCycleLR } = optim.lrScheduler;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const batches = 3;
const planned = 20;

type Interval = "epoch" | "step";

/** Its epochs take as long as it says, and it knows the rate of each batch. */
class Paced extends BoringModule {
  readonly rates: number[] = [];
  /** In which epoch it fails, once. */
  failsIn = -1;
  readonly #seconds: (epoch: number) => number;
  readonly #interval: Interval;

  constructor(seconds: (epoch: number) => number, interval: Interval = "epoch") {
    super();
    this.#seconds = seconds;
    this.#interval = interval;
  }
  override onTrainEpochStart(): void {
    const { currentEpoch } = this.trainer;
    if (currentEpoch === this.failsIn) throw new Error("killed");
    vi.advanceTimersByTime(1000 * this.#seconds(currentEpoch));
  }
  override onTrainBatchStart(): void {
    this.rates.push(this.trainer.optimizers[0]?.paramGroups[0]?.lr ?? Number.NaN);
  }
  get lastStep(): number | undefined {
    return this.trainer.lrSchedulerConfigs[0]?.scheduler.stateDict()["lastEpoch"] as number | undefined;
  }
  override configureOptimizers() {
    const optimizer = new optim.SGD(this.parameters(), { lr: 0.1 });
    const scheduler =
      this.#interval === "epoch"
        ? new CosineAnnealingLR(optimizer, { tMax: planned })
        : new OneCycleLR(optimizer, { maxLr: 0.1, totalSteps: planned * batches + 1 });
    return { optimizer, lrScheduler: { scheduler, interval: this.#interval } };
  }
}

/** Two hundred seconds for the twenty epochs. */
async function fit(module: Paced, callbacks = [new FitToTime({ duration: "00:00:03:20", mostEpochs: 40 })], every = 1) {
  const trainer = new Trainer({
    logger: false,
    numSanityValSteps: 0,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    maxEpochs: planned,
    checkValEveryNEpoch: every,
    callbacks: [...callbacks, new ModelCheckpoint({ dirpath: join(dir, "ck"), saveLast: true })],
  });
  await trainer.fit(module, { trainDataloaders: numbers(batches), valDataloaders: numbers(1), ckptPath: "last" });
  return trainer.currentEpoch;
}

/** The next training begins anew. */
function forget(): void {
  rmSync(join(dir, "ck"), { recursive: true });
}

test.each<[string, (epoch: number) => number, [least: number, most: number]]>([
  ["twice as slow as planned", () => 20, [9, 10]],
  ["slow from the middle on", (epoch) => (epoch < 10 ? 9.5 : 30), [12, 13]],
  ["twice as fast", () => 5, [37, 40]],
  ["much faster than more epochs could use", () => 0.5, [40, 40]],
])(
  "a machine that is %s: the epochs fit the time, and the schedule ends with the last of them",
  async (_what, seconds, [least, most]) => {
    for (const interval of ["epoch", "step"] as const) {
      const module = new Paced(seconds, interval);
      const start = performance.now();
      const epochs = await fit(module, undefined, 1);
      expect(epochs, interval).toBeGreaterThanOrEqual(least);
      expect(epochs, interval).toBeLessThanOrEqual(most);
      expect(module.lastStep, interval).toBe(interval === "epoch" ? planned : planned * batches);
      expect((performance.now() - start) / 1000, interval).toBeLessThanOrEqual(200);
      expect(module.rates).toHaveLength(epochs * batches);
      // Nowhere does the rate fall by a jump.
      const falls = module.rates.slice(1).map((rate, i) => (module.rates[i] ?? 0) - rate);
      expect(Math.max(...falls), interval).toBeLessThan(0.03);
      forget();
    }
    expect(said.filter((line) => line.includes("fit the time")).length).toBeGreaterThan(0);
  },
);

test("on a steady machine it changes no bit, and without a duration nothing at all", async () => {
  const rates: number[][] = [];
  for (const callbacks of [[], [new FitToTime({ duration: "00:00:03:20" })], [new FitToTime()]]) {
    const module = new Paced(() => 9.5);
    expect(await fit(module, callbacks)).toBe(planned);
    rates.push(module.rates);
    forget();
  }
  expect(rates[1]).toEqual(rates[0]);
  expect(rates[2]).toEqual(rates[0]);
  expect(said.join("\n")).not.toContain("fit the time");
});

test("without more epochs to take, a fast machine ends early; the last epoch is one that is validated", async () => {
  expect(await fit(new Paced(() => 5), [new FitToTime({ duration: "00:00:03:20" })])).toBe(planned);
  forget();
  expect((await fit(new Paced(() => 17), undefined, 4)) % 4).toBe(0);
  forget();
  const most = new FitToTime({ duration: "00:00:03:20", mostEpochs: 38 });
  expect(await fit(new Paced(() => 1), [most], 4)).toBe(36);
});

test("a run that was killed after a change of plan resumes with it, and its rates are those of the whole one", async () => {
  const whole = new Paced(() => 20);
  const epochs = await fit(whole);
  forget();
  const first = new Paced(() => 20);
  first.failsIn = 5;
  await expect(fit(first)).rejects.toThrow("killed");
  const second = new Paced(() => 20);
  expect(await fit(second)).toBe(epochs);
  expect([...first.rates, ...second.rates]).toEqual(whole.rates);
});
