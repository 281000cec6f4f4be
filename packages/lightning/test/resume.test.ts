import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualSeed } from "@classifier-training/torch";
import { expect, test, vi } from "vitest";
import {
  Callback,
  CSVLogger,
  DeterminismLog,
  EMACallback,
  ModelCheckpoint,
  readDeterminismLog,
  Trainer,
  type TrainerOptions,
  type TrainerView,
} from "../src/index.ts";
import { KillableModule, killableLoader, weightsHash } from "./kill/run.ts";

vi.setConfig({ testTimeout: 60_000 });

/** Saves in a hook of one's choice, at each of its calls. */
class SaveEverywhere extends Callback {
  readonly paths: string[] = [];
  readonly #dir: string;
  #count = 0;
  constructor(dir: string) {
    super();
    this.#dir = dir;
  }
  override get order(): "last" {
    return "last";
  }
  async #save(trainer: TrainerView, hook: string): Promise<void> {
    if (trainer.sanityChecking) return;
    const name = `${String(this.#count++).padStart(3, "0")}-${hook}-e${trainer.currentEpoch}-b${trainer.batchIdx}`;
    const path = join(this.#dir, "everywhere", `${name}.ckpt`);
    this.paths.push(path);
    await trainer.saveCheckpoint(path);
  }
  override onTrainBatchEnd(trainer: TrainerView): Promise<void> {
    return this.#save(trainer, "batchEnd");
  }
  override onValidationEnd(trainer: TrainerView): Promise<void> {
    return this.#save(trainer, "validationEnd");
  }
  override onTrainEpochEnd(trainer: TrainerView): Promise<void> {
    return this.#save(trainer, "epochEnd");
  }
}

async function train(dir: string, extra: Callback[], ckptPath: string | null, options: TrainerOptions) {
  manualSeed(1);
  const module = new KillableModule();
  const ema = new EMACallback({ decay: 0.9 });
  const replay = new DeterminismLog({ everyNSteps: 1, path: join(dir, "replay.jsonl") });
  const trainer = new Trainer({
    maxEpochs: 2,
    gradientClipVal: 1,
    logEveryNSteps: 1,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    logger: new CSVLogger({ saveDir: dir, name: null, version: "" }),
    callbacks: [ema, replay, ...extra, new ModelCheckpoint({ dirpath: join(dir, "ck"), saveLast: true })],
    ...options,
  });
  await trainer.fit(module, {
    trainDataloaders: killableLoader(5, "train", 0),
    valDataloaders: killableLoader(2, "val", 0),
    ckptPath,
  });
  const average = [...(ema.average ?? [])].map(([name, value]) => [name, value.tolist()]);
  return { weights: weightsHash(module), average: JSON.stringify(average), step: trainer.globalStep };
}

/** The rows of a metrics file, whatever the order of its columns. */
function records(path: string): Record<string, string>[] {
  const [head = "", ...lines] = readFileSync(path, "utf8").trim().split("\n");
  const columns = head.split(",");
  return lines.map((line) => {
    const cells = line.split(",").map((cell, i) => [columns[i] ?? "", cell] as const);
    return Object.fromEntries(cells.filter(([, cell]) => cell !== ""));
  });
}

test.each<[string, TrainerOptions]>([
  ["plainly", {}],
  [
    "with gradients accumulated over two batches and validation within the epoch",
    { accumulateGradBatches: 2, valCheckInterval: 0.5 },
  ],
])("trained %s, a run resumed at any save ends bit for bit as the whole one", async (_how, options) => {
  const root = mkdtempSync(join(tmpdir(), "resume-"));
  try {
    const whole = join(root, "whole");
    const saver = new SaveEverywhere(whole);
    const expected = await train(whole, [saver], null, options);
    expect(saver.paths.length).toBeGreaterThan(10);
    const lines = readDeterminismLog(join(whole, "replay.jsonl"));
    const rows = records(join(whole, "metrics.csv"));
    for (const [i, path] of saver.paths.entries()) {
      const dir = join(root, `from-${i}`);
      expect({ path, ...(await train(dir, [], path, options)) }).toEqual({ path, ...expected });
      const again = existsSync(join(dir, "replay.jsonl")) ? readDeterminismLog(join(dir, "replay.jsonl")) : [];
      expect({ path, lines: again }).toEqual({ path, lines: lines.slice(lines.length - again.length) });
      // The rows of the rest, with the one of the batch or epoch that the save was made in.
      const written = existsSync(join(dir, "metrics.csv")) ? records(join(dir, "metrics.csv")) : [];
      expect({ path, written }).toEqual({ path, written: rows.slice(rows.length - written.length) });
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
