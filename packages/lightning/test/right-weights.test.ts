import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualSeed, type Tensor } from "@classifier-training/torch";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Callback,
  EMACallback,
  inspectCheckpoint,
  LightningDataModule,
  LightningError,
  loadCheckpoint,
  ModelCheckpoint,
  Trainer,
  type TrainerOptions,
} from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "right-weights-"));
  manualSeed(5);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function trainer(callbacks: readonly Callback[], options: TrainerOptions = {}): Trainer {
  return new Trainer({
    maxEpochs: 3,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    callbacks: [...callbacks],
    ...options,
  });
}

const data = () => ({ trainDataloaders: numbers(4), valDataloaders: numbers(2) });
const listed = (state: ReadonlyMap<string, Tensor>) => [...state].map(([name, value]) => [name, value.tolist()]);

interface Measurement {
  readonly loss: number;
  readonly weights: unknown;
  readonly bytes: ReadonlyMap<string, Uint8Array>;
}

/** Keeps the weights that each validation measured; its last epoch makes them worse. */
class Measured extends BoringModule {
  readonly seen: Measurement[] = [];

  override onTrainEpochStart(): void {
    for (const group of this.optimizers()[0]?.paramGroups ?? []) group.lr = this.currentEpoch === 2 ? 0.4 : 0.02;
  }

  override onValidationEpochEnd(): void {
    if (this.trainer.sanityChecking) return;
    const state = this.stateDict();
    const bytes = [...state].map(([name, value]) => [name, new Uint8Array(value.toTypedArray().buffer)] as const);
    this.seen.push({ loss: this.trainer.callbackMetrics["v"] ?? 0, weights: listed(state), bytes: new Map(bytes) });
  }
}

test.each([
  ["the model's own", []],
  ["averaged", [new EMACallback({ decay: 0.5 })]],
] as const)(
  "the checkpoint called best holds the very weights that were measured (%s), with their metric and hash",
  async (_which, callbacks) => {
    const module = new Measured();
    const checkpoint = new ModelCheckpoint({ dirpath: dir, monitor: "v", saveTopK: 1, saveLast: true });
    await trainer([...callbacks, checkpoint]).fit(module, data());
    const losses = module.seen.map(({ loss }) => loss);
    const bestEpoch = losses.indexOf(Math.min(...losses));
    expect(bestEpoch).toBeLessThan(2);
    const measured = module.seen[bestEpoch] as Measurement;
    const best = loadCheckpoint(checkpoint.bestModelPath);
    expect(best.epoch).toBe(bestEpoch);
    expect(listed(best.stateDict)).toEqual(measured.weights);
    const { summary, weights, weightsSha256 } = inspectCheckpoint(checkpoint.bestModelPath);
    expect(summary.monitor).toEqual({ name: "v", value: Math.fround(measured.loss) });
    const hash = createHash("sha256");
    for (const { name } of weights) hash.update(measured.bytes.get(name) as Uint8Array);
    expect(weightsSha256).toBe(hash.digest("hex"));
    // Those of the end are others.
    expect(module.seen.at(-1)?.weights).not.toEqual(measured.weights);
  },
);

test("an average and its counter survive a resume", async () => {
  const run = async (maxEpochs: number, ckptPath: string | null, dirpath: string) => {
    manualSeed(5);
    const ema = new EMACallback({ decay: 0.9 });
    const checkpoint = new ModelCheckpoint({ dirpath: join(dir, dirpath), saveLast: true });
    await trainer([ema, checkpoint], { maxEpochs }).fit(new BoringModule(), { ...data(), ckptPath });
    return { steps: ema.steps, average: listed(ema.average ?? new Map()) };
  };
  const whole = await run(3, null, "whole");
  expect((await run(1, null, "parts")).steps).toBe(4);
  expect(await run(3, "last", "parts")).toEqual(whole);
  expect(whole.steps).toBe(12);
});

interface Identity {
  readonly model: string;
  readonly classes: readonly string[];
  readonly files: string;
}

class Named extends BoringModule {
  readonly #identity: Identity;
  constructor(identity: Identity) {
    super();
    this.#identity = identity;
  }
  override runSignature() {
    return { model: this.#identity.model };
  }
}

class NamedData extends LightningDataModule {
  readonly #identity: Identity;
  constructor(identity: Identity) {
    super();
    this.#identity = identity;
  }
  override runSignature() {
    return { classes: this.#identity.classes, files: this.#identity.files };
  }
  override trainDataloader() {
    return numbers(4);
  }
}

test.each<[string, Partial<Identity>, string]>([
  ["model", { model: "resnet34" }, 'model was "resnet18" and is "resnet34"'],
  ["classes", { classes: ["b", "a"] }, 'classes was ["a","b"] and is ["b","a"]'],
  ["data", { files: "other" }, 'files was "some" and is "other"'],
])(
  "the last checkpoint of a run of another %s is refused, with the way out, and nothing is trained",
  async (_what, change, difference) => {
    const own: Identity = { model: "resnet18", classes: ["a", "b"], files: "some" };
    const fit = async (identity: Identity) => {
      const module = new Named(identity);
      const before = listed(module.stateDict());
      const run = trainer([new ModelCheckpoint({ dirpath: dir, saveLast: true })], { maxEpochs: 1 });
      const error = await run.fit(module, { datamodule: new NamedData(identity), ckptPath: "last" }).catch((e) => e);
      return { error, untouched: JSON.stringify(listed(module.stateDict())) === JSON.stringify(before) };
    };
    expect((await fit(own)).error).toBeUndefined();
    const { error, untouched } = await fit({ ...own, ...change });
    expect(error).toBeInstanceOf(LightningError);
    expect(error.code).toBe("checkpoint/other-run");
    expect(error.problem.what).toBe(`the checkpoint belongs to another run: ${difference}`);
    expect(error.problem.fix).toContain("start from scratch");
    expect(untouched).toBe(true);
    expect((await fit(own)).error).toBeUndefined();
  },
);
