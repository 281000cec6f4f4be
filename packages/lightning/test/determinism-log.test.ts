import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getNumThreads, governor, manualSeed, noGrad, setNumThreads } from "@classifier-training/torch";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkReproducibility, DeterminismLog, ModelCheckpoint, readDeterminismLog, Trainer } from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";

let dir = "";
let threads = 1;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "determinism-"));
  threads = getNumThreads();
  governor.enabled = false;
});
afterEach(() => {
  setNumThreads(threads);
  governor.enabled = true;
  rmSync(dir, { recursive: true, force: true });
});

/** Takes another number of threads after batches of one's choice, as the governor does on a shared machine. */
class Governed extends BoringModule {
  readonly #threads: Readonly<Record<number, number>>;
  readonly #rate: number;
  readonly seen: number[] = [];
  constructor(changes: Readonly<Record<number, number>> = {}, rate = 1) {
    super();
    this.#threads = changes;
    this.#rate = rate;
  }
  override onTrainBatchStart(): void {
    this.seen.push(getNumThreads());
    if (this.#rate !== 1 && this.globalStep === 4) noGrad(() => void this.l.weight.mul_(this.#rate));
  }
  override onBeforeZeroGrad(): void {
    const next = this.#threads[this.globalStep];
    if (next !== undefined) setNumThreads(next);
  }
}

async function run(name: string, module: Governed, threadsOf: string | null = null, options = {}): Promise<string> {
  manualSeed(1);
  const path = join(dir, `${name}.jsonl`);
  const trainer = new Trainer({
    maxEpochs: 2,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    enableCheckpointing: false,
    defaultRootDir: dir,
    callbacks: [new DeterminismLog({ everyNSteps: 2, path, threadsOf })],
    ...options,
  });
  await trainer.fit(module, { trainDataloaders: numbers(4) });
  return path;
}

test("a determinism log says with how many threads each part of a run was computed", async () => {
  setNumThreads(2);
  const lines = readDeterminismLog(await run("original", new Governed({ 2: 1, 5: 2 })));
  expect(lines.map(({ threads: changes }) => changes)).toEqual([
    [{ epoch: 0, batch: -1, threads: 2 }],
    [{ epoch: 0, batch: 2, threads: 1 }],
    [{ epoch: 1, batch: 1, threads: 2 }],
    [],
  ]);
});

test("a repetition computes with the original's threads, batch by batch, and leaves the governor as it was", async () => {
  setNumThreads(2);
  const first = new Governed({ 2: 1, 5: 2 });
  const original = await run("original", first);
  setNumThreads(1);
  const second = new Governed();
  governor.enabled = true;
  expect(await checkReproducibility(original, () => run("again", second, original))).toEqual({
    equal: true,
    compared: 4,
  });
  expect(second.seen).toEqual([2, 2, 2, 1, 1, 1, 2, 2]);
  expect(second.seen).toEqual(first.seen);
  expect(governor.enabled).toBe(true);
});

test("a difference after other numbers of threads is not held against a run: the check names the threads", async () => {
  setNumThreads(1);
  const original = await run("original", new Governed());
  const check = await checkReproducibility(original, () => run("again", new Governed({ 1: 2 }, 1.5)));
  expect(check).toMatchObject({
    equal: false,
    firstDifference: { step: 6, parts: ["weights", "optimizer"] },
    threads: { at: { epoch: 0, batch: 1 }, original: 1, again: 2 },
  });
});

test("a difference with the same threads has no such excuse", async () => {
  setNumThreads(1);
  const original = await run("original", new Governed());
  const check = await checkReproducibility(original, () => run("again", new Governed({}, 1.5)));
  expect(check.firstDifference?.step).toBe(6);
  expect(check).not.toHaveProperty("threads");
});

test("a resumed run continues its record of threads", async () => {
  setNumThreads(2);
  const whole = await run("whole", new Governed({ 2: 1, 5: 2 }));
  setNumThreads(2);
  const checkpointing = () => ({
    enableCheckpointing: true,
    callbacks: [
      new DeterminismLog({ everyNSteps: 2, path: join(dir, "parts.jsonl"), threadsOf: whole }),
      new ModelCheckpoint({ dirpath: join(dir, "ck"), everyNTrainSteps: 1, saveLast: true }),
    ],
  });
  await run("parts", new Governed(), null, { ...checkpointing(), maxEpochs: -1, maxSteps: 3 });
  manualSeed(1);
  const trainer = new Trainer({
    maxEpochs: 2,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    ...checkpointing(),
  });
  setNumThreads(2);
  await trainer.fit(new Governed(), { trainDataloaders: numbers(4), ckptPath: "last" });
  expect(readDeterminismLog(join(dir, "parts.jsonl"))).toEqual(readDeterminismLog(whole));
});
