import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { manualSeed } from "@classifier-training/torch";
import { expect, test } from "vitest";
import { CheckpointIO, EMACallback, inspectCheckpoint, ModelCheckpoint, Trainer } from "../src/index.ts";
import { KillableModule, killableLoader } from "./kill/run.ts";

async function train(dir: string, checkpoints: readonly ModelCheckpoint[]): Promise<CheckpointIO> {
  manualSeed(1);
  const io = new CheckpointIO({ asynchronous: true });
  const trainer = new Trainer({
    maxEpochs: 3,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    plugins: [io],
    callbacks: [new EMACallback({ decay: 0.9 }), ...checkpoints],
  });
  await trainer.fit(new KillableModule(), {
    trainDataloaders: killableLoader(3, "train", 0),
    valDataloaders: killableLoader(1, "val", 0),
  });
  return io;
}

test("the best and the last checkpoint of a step are two files of one snapshot", async () => {
  const dir = mkdtempSync(join(tmpdir(), "one-snapshot-"));
  try {
    const checkpoint = new ModelCheckpoint({ dirpath: dir, monitor: "val/loss", saveTopK: -1, saveLast: true });
    const io = await train(dir, [checkpoint]);
    // Three epochs, two files each.
    expect(io.snapshotsTaken).toBe(3);
    const files = [...checkpoint.bestKModels.keys()].map(inspectCheckpoint);
    const last = inspectCheckpoint(checkpoint.lastModelPath);
    const twin = files.find(({ summary }) => summary.globalStep === last.summary.globalStep);
    expect(twin?.weightsSha256).toBe(last.weightsSha256);
    // The states say what each file is, so the files as a whole are not the same.
    expect(twin?.checksum).not.toBe(last.checksum);
    expect(new Set(files.map(({ weightsSha256 }) => weightsSha256)).size).toBe(3);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test("two callbacks that save at one step, with training's own work between them, take a snapshot each", async () => {
  const dir = mkdtempSync(join(tmpdir(), "two-snapshots-"));
  try {
    const io = await train(dir, [
      new ModelCheckpoint({ dirpath: join(dir, "a"), monitor: "val/loss", saveTopK: -1 }),
      new ModelCheckpoint({ dirpath: join(dir, "b"), saveTopK: -1 }),
    ]);
    expect(io.snapshotsTaken).toBe(6);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
