import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setLogSinks } from "@classifier-training/base";
import { manualSeed, nn, optim, type Tensor } from "@classifier-training/torch";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LightningModule, loadCheckpoint, ModelCheckpoint, Trainer } from "../src/index.ts";
import { numbers } from "./boring.ts";

let root = "";
let mounted = "";
let said: string[] = [];
let restore = () => {};
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "disk-"));
  said = [];
  restore = setLogSinks([({ message }) => void said.push(message)]);
});
afterEach(() => {
  restore();
  if (mounted !== "") spawnSync("umount", ["-l", mounted]);
  mounted = "";
  rmSync(root, { recursive: true, force: true });
});

function mount(...args: readonly string[]): boolean {
  return spawnSync("mount", args, { stdio: "ignore" }).status === 0;
}

/** A file system of so many kilobytes; false where this process may not mount one. */
function mountTiny(kilobytes: number): string | undefined {
  const folder = join(root, "tiny");
  mkdirSync(folder);
  if (!mount("-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", folder)) return undefined;
  mounted = folder;
  return folder;
}

/** A checkpoint of it has about 100 kB. */
class Wide extends LightningModule<Tensor> {
  readonly net = new nn.Sequential(new nn.Linear(1, 100), new nn.Linear(100, 240), new nn.Linear(240, 1));
  override trainingStep(x: Tensor): Tensor {
    return this.net.call(x).pow(2).mean();
  }
  override validationStep(x: Tensor): void {
    this.log("v", this.net.call(x).pow(2).mean());
  }
  override configureOptimizers() {
    return new optim.SGD(this.parameters(), { lr: 1e-3 });
  }
}

async function train(dirpath: string, module: Wide, checkpoint: ModelCheckpoint): Promise<Trainer> {
  manualSeed(2);
  const trainer = new Trainer({
    maxEpochs: 4,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: root,
    callbacks: [checkpoint],
  });
  await trainer.fit(module, { trainDataloaders: numbers(3), valDataloaders: numbers(1) });
  expect(existsSync(dirpath)).toBe(true);
  return trainer;
}

test("a full disk is reported, training continues, and what was saved before it stays readable", async (context) => {
  const folder = mountTiny(280);
  if (folder === undefined) context.skip("mounting a file system takes root");
  const dirpath = join(String(folder), "ck");
  // Two files fit, the third does not.
  const checkpoint = new ModelCheckpoint({ dirpath, saveTopK: -1, filename: "{epoch}" });
  const trainer = await train(dirpath, new Wide(), checkpoint);
  expect(trainer.globalStep).toBe(12);
  expect(said.join("\n")).toMatch(/checkpoint not saved, training continues: .*epoch=2\.ckpt: ENOSPC/);
  const files = readdirSync(dirpath);
  expect(files).toContain("epoch=0.ckpt");
  expect(files.filter((name) => name.endsWith(".tmp"))).toEqual([]);
  for (const name of files) expect(loadCheckpoint(join(dirpath, name)).globalStep).toBeGreaterThan(0);
});

test("the best checkpoint is not given up for one that did not fit on the disk", async (context) => {
  const folder = mountTiny(150);
  if (folder === undefined) context.skip("mounting a file system takes root");
  const dirpath = join(String(folder), "ck");
  // The old file is removed only when the new one is there: both do not fit.
  const checkpoint = new ModelCheckpoint({ dirpath, monitor: "v", saveTopK: 1, filename: "{epoch}" });
  const trainer = await train(dirpath, new Wide(), checkpoint);
  expect(trainer.globalStep).toBe(12);
  expect(said.join("\n")).toContain("ENOSPC");
  expect(readdirSync(dirpath)).toEqual(["epoch=0.ckpt"]);
  expect(checkpoint.bestModelPath).toBe(join(dirpath, "epoch=0.ckpt"));
  expect(loadCheckpoint(checkpoint.bestModelPath).globalStep).toBe(3);
});

test("a folder that becomes read-only in the middle of a run is reported, and training continues", async (context) => {
  const folder = mountTiny(2000);
  if (folder === undefined) context.skip("mounting a file system takes root");
  const dirpath = join(String(folder), "ck");
  class TurnsReadOnly extends Wide {
    override async onTrainEpochStart(): Promise<void> {
      if (this.currentEpoch !== 2) return;
      await this.trainer.flushCheckpoints();
      mount("-o", "remount,ro", String(folder));
    }
  }
  const checkpoint = new ModelCheckpoint({ dirpath, saveTopK: -1, filename: "{epoch}" });
  const trainer = await train(dirpath, new TurnsReadOnly(), checkpoint);
  expect(trainer.globalStep).toBe(12);
  expect(said.join("\n")).toMatch(/checkpoint not saved, training continues: .*epoch=2\.ckpt: EROFS/);
  expect(readdirSync(dirpath).sort()).toEqual(["epoch=0.ckpt", "epoch=1.ckpt"]);
});

test("where files can be neither renamed nor removed, they are written whole by copying, without an option", async (context) => {
  const dirpath = join(root, "ck");
  mkdirSync(dirpath);
  // Files can be made in such a folder and written, and that is all.
  if (spawnSync("chattr", ["+a", dirpath], { stdio: "ignore" }).status !== 0)
    context.skip("making a folder append-only takes root");
  try {
    const checkpoint = new ModelCheckpoint({ dirpath, saveTopK: -1, saveLast: true, filename: "{epoch}" });
    await train(dirpath, new Wide(), checkpoint);
    const names = readdirSync(dirpath);
    const whole = names.filter((name) => name.endsWith(".ckpt")).sort();
    expect(whole).toEqual(["epoch=0.ckpt", "epoch=1.ckpt", "epoch=2.ckpt", "epoch=3.ckpt", "last.ckpt"]);
    expect(whole.map((name) => loadCheckpoint(join(dirpath, name)).globalStep)).toEqual([3, 6, 9, 12, 12]);
    // One attempt is enough to know.
    expect(names.filter((name) => name.endsWith(".tmp")).length).toBe(1);
  } finally {
    spawnSync("chattr", ["-a", dirpath]);
  }
});
