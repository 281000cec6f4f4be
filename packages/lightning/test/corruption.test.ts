import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { Rng, setLogSinks } from "@classifier-training/base";
import { manualSeed, type Tensor } from "@classifier-training/torch";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  CheckpointIO,
  inspectCheckpoint,
  LightningError,
  loadCheckpoint,
  ModelCheckpoint,
  Trainer,
} from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";

const seed = Number(process.env["CORRUPTION_SEED"] ?? 7);
let dir = "";
let warnings: string[] = [];
let restore = () => {};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "corruption-"));
  warnings = [];
  restore = setLogSinks([({ level, message }) => void (level === "INFO" || warnings.push(message))]);
});
afterEach(() => {
  restore();
  rmSync(dir, { recursive: true, force: true });
});

class Slashed extends BoringModule {
  override validationStep(batch: Tensor): void {
    this.log("val/loss", this.forward(batch).pow(2).mean());
  }
}

function fit(
  options: {
    maxEpochs?: number;
    ckptPath?: string | null;
    plugins?: CheckpointIO[];
    module?: BoringModule;
    filename?: string;
    saveLast?: boolean;
  } = {},
) {
  manualSeed(3);
  const { filename = null, saveLast = true } = options;
  const checkpoint = new ModelCheckpoint({ dirpath: join(dir, "ck"), filename, saveTopK: -1, saveLast });
  const trainer = new Trainer({
    maxEpochs: options.maxEpochs ?? 2,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    callbacks: [checkpoint],
    plugins: options.plugins ?? [],
  });
  const data = { trainDataloaders: numbers(3), valDataloaders: numbers(1), ckptPath: options.ckptPath ?? null };
  return trainer.fit(options.module ?? new Slashed(), data).then(() => ({ trainer, checkpoint }));
}

type Header = Record<string, Record<string, unknown>>;
const firstTensor = (header: Header) => Object.values(header)[1] as Record<string, unknown>;

test.each<[string, (header: Header) => void]>([
  ["without its checksum", (header) => delete header["__metadata__"]?.["checksum"]],
  ["with metadata that is not text", (header) => Object.assign(header["__metadata__"] ?? {}, { state: 7 })],
  ["with an invalid dtype", (header) => Object.assign(firstTensor(header), { dtype: "constructor" })],
  ["with a negative size", (header) => Object.assign(firstTensor(header), { shape: [-1] })],
  ["with a tensor beyond the file", (header) => Object.assign(firstTensor(header), { data_offsets: [1e15, 1e15 + 4] })],
  ["with a tensor of no bytes", (header) => Object.assign(firstTensor(header), { data_offsets: [0, 0] })],
])("a checkpoint %s is refused", async (_how, change) => {
  const { checkpoint } = await fit({ maxEpochs: 1 });
  const whole = readFileSync(checkpoint.lastModelPath);
  const start = 8 + Number(whole.readBigUInt64LE());
  const header = JSON.parse(whole.toString("utf8", 8, start)) as Header;
  change(header);
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const path = join(dir, "hostile.ckpt");
  writeFileSync(path, Buffer.concat([length, text, whole.subarray(start)]));
  expect(codeOf(() => loadCheckpoint(path))).toBe("checkpoint/corrupt");
});

test(`every flipped bit and every truncation of a checkpoint is found (seed ${seed})`, async () => {
  const { checkpoint } = await fit();
  const whole = readFileSync(checkpoint.lastModelPath);
  const path = join(dir, "damaged.ckpt");
  const rng = Rng.at(seed);
  for (let i = 0; i < 300; i++) {
    const bytes = Buffer.from(whole);
    const at = rng.integer(bytes.length);
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << rng.integer(8)), at);
    writeFileSync(path, bytes);
    expect({ at, code: codeOf(() => loadCheckpoint(path)) }).toEqual({ at, code: "checkpoint/corrupt" });
    writeFileSync(path, whole.subarray(0, rng.integer(whole.length)));
    expect(codeOf(() => loadCheckpoint(path))).toBe("checkpoint/corrupt");
  }
  writeFileSync(path, whole);
  appendFileSync(path, "x");
  expect(codeOf(() => loadCheckpoint(path))).toBe("checkpoint/corrupt");
  copyFileSync(checkpoint.lastModelPath, path);
  expect(loadCheckpoint(path).globalStep).toBe(6);
});

const damages: Readonly<Record<string, (path: string) => void>> = {
  truncated: (path) => truncateSync(path, 700),
  empty: (path) => truncateSync(path, 0),
  flipped: (path) => {
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(path, bytes);
  },
  missing: (path) => rmSync(path),
};

test.each(Object.keys(damages))(
  "where the last checkpoint is %s, the newest of its run is resumed, though a metric's slash puts it into a subfolder",
  async (kind) => {
    // Another run's checkpoints, in the folder and in one below it, are newer.
    const own = { filename: "{epoch}-{val/loss:.1f}", maxEpochs: 3 };
    const { checkpoint } = await fit(own);
    const other = await fit({ maxEpochs: 1, filename: "other", saveLast: false });
    const below = join(dir, "ck", "below");
    mkdirSync(below);
    for (const name of ["other.ckpt", "last.ckpt"]) copyFileSync(other.checkpoint.bestModelPath, join(below, name));
    rmSync(other.checkpoint.bestModelPath);
    damages[kind]?.(checkpoint.lastModelPath);
    const { trainer } = await fit({ ...own, maxEpochs: 4, ckptPath: "last" });
    expect(trainer.ckptPath).toMatch(/ck\/epoch=2-val\/loss=/);
    expect(trainer.globalStep).toBe(12);
    const said = warnings.join("\n");
    expect(said).toMatch(/using the previous checkpoint instead, .*epoch=2-val\/loss=.*ckpt \(epoch 3, step 9\)/);
    expect(said).toMatch(
      kind === "missing" ? /there is no last checkpoint/ : /skipping last.ckpt: the checkpoint cannot/,
    );
    expect(inspectCheckpoint(join(dir, "ck", "last.ckpt")).summary.globalStep).toBe(12);
  },
);

test("where every checkpoint of the run is damaged, that is said, and another run's is not taken for it", async () => {
  const { checkpoint } = await fit({ maxEpochs: 1 });
  await fit({ maxEpochs: 1, filename: "other", saveLast: false });
  // Its data is damaged, and its header still says whose it is.
  for (const path of [checkpoint.lastModelPath, checkpoint.bestModelPath]) damages["flipped"]?.(path);
  await expect(fit({ maxEpochs: 2, ckptPath: "last" })).rejects.toThrow("every checkpoint of this run is damaged");
});

test("half-written files of killed processes are removed from subfolders too", async () => {
  const folder = join(dir, "ck", "epoch=0-val");
  mkdirSync(folder, { recursive: true });
  const half = join(folder, `loss=1.ckpt.${hostname().replace(/[^\w-]/g, "_")}.999999999.tmp`);
  writeFileSync(half, "half");
  await fit({ filename: "{epoch}" });
  expect(existsSync(half)).toBe(false);
});

test("a folder that cannot be written is reported, and training continues", async () => {
  writeFileSync(join(dir, "ck"), "a file where the folder should be");
  const { trainer } = await fit();
  expect(trainer.globalStep).toBe(6);
  expect(warnings.join("\n")).toMatch(/checkpoint not saved, training continues/);
});

test("copy mode writes whole checkpoints where a file system cannot rename", async () => {
  const io = new CheckpointIO({ mode: "copy" });
  const { checkpoint } = await fit({ plugins: [io] });
  expect(existsSync(checkpoint.bestModelPath)).toBe(true);
  expect(inspectCheckpoint(checkpoint.lastModelPath).summary.globalStep).toBe(6);
});

test("a checkpoint of another model or other data is refused in one sentence", async () => {
  class Named extends BoringModule {
    readonly classes: number;
    constructor(classes: number) {
      super();
      this.classes = classes;
    }
    override runSignature() {
      return { model: "resnet18", numClasses: this.classes };
    }
  }
  await fit({ module: new Named(42) });
  await expect(fit({ maxEpochs: 3, ckptPath: "last", module: new Named(43) })).rejects.toThrow(
    /the checkpoint belongs to another run: numClasses was 42 and is 43\n {2}where: .*last.ckpt\n {2}fix: remove or move the checkpoint folder to start from scratch/,
  );
  const { trainer } = await fit({ maxEpochs: 3, ckptPath: "last", module: new Named(42) });
  expect(trainer.globalStep).toBe(9);
});

test("the last of a thousand checkpoints is found in less than a second of CPU time", async () => {
  const { checkpoint } = await fit({ maxEpochs: 1 });
  const before = new Date(Date.now() - 60_000);
  for (let i = 0; i < 1000; i++) {
    const copy = join(dir, "ck", `last-v${i + 1}.ckpt`);
    copyFileSync(checkpoint.lastModelPath, copy);
    utimesSync(copy, before, before);
  }
  const begin = process.cpuUsage();
  const { trainer } = await fit({ maxEpochs: 1, ckptPath: "last" });
  const { user, system } = process.cpuUsage(begin);
  expect((user + system) / 1000).toBeLessThan(1000);
  expect(trainer.ckptPath).toBe(checkpoint.lastModelPath);
});

function codeOf(run: () => unknown): string {
  try {
    run();
    return "none";
  } catch (error) {
    return error instanceof LightningError ? error.code : String(error);
  }
}
