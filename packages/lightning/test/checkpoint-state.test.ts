import { copyFileSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setLogSinks } from "@classifier-training/base";
import { manualSeed, nn, ones, ops, serialization, type Tensor, tensor } from "@classifier-training/torch";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Callback, inspectCheckpoint, loadCheckpoint, ModelCheckpoint, Trainer } from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";

let dir = "";
let warnings: string[] = [];
let restore = () => {};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "checkpoint-state-"));
  warnings = [];
  restore = setLogSinks([({ level, message }) => void (level === "INFO" || warnings.push(message))]);
});
afterEach(() => {
  restore();
  rmSync(dir, { recursive: true, force: true });
});

/** Has the state that a test gives it, from the second epoch on. */
class Stateful extends Callback {
  readonly later: Record<string, unknown>;
  restored: Record<string, unknown> = {};
  #epoch = -1;

  constructor(later: Record<string, unknown>) {
    super();
    this.later = later;
  }
  override onTrainEpochStart(): void {
    this.#epoch++;
  }
  override stateDict(): Record<string, unknown> {
    return this.#epoch > 0 ? this.later : { plain: 1 };
  }
  override loadStateDict(state: Record<string, unknown>): void {
    this.restored = state;
  }
}

class Convolutional extends BoringModule {
  readonly conv = new nn.Conv2d(3, 2, { kernelSize: 2 }).to({ memoryFormat: "channels_last" });
}

async function fit(callback: Callback, maxEpochs: number, module = new BoringModule(), ckptPath: string | null = null) {
  manualSeed(3);
  const checkpoint = new ModelCheckpoint({ dirpath: join(dir, "ck"), saveTopK: 0, saveLast: true });
  const trainer = new Trainer({
    maxEpochs,
    logger: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    callbacks: [callback, checkpoint],
  });
  await trainer.fit(module, { trainDataloaders: numbers(3), valDataloaders: numbers(1), ckptPath });
  return { trainer, path: join(dir, "ck", "last.ckpt") };
}

class Money {
  readonly cents = 5;
  double(): number {
    return 2 * this.cents;
  }
}

function cycle(): Record<string, unknown> {
  const node: Record<string, unknown> = { name: "a" };
  node["self"] = { node };
  return node;
}

test.each<[string, () => unknown, string]>([
  ["a class instance", () => new Money(), "an instance of Money cannot be saved"],
  ["a Date", () => new Date(0), "an instance of Date cannot be saved"],
  ["a function", () => () => 1, "a function cannot be saved"],
  ["a cycle", () => cycle(), "an object that contains itself cannot be saved"],
  ["a complex tensor", () => ops.aten.complex(ones([2]), ones([2])), "safetensors has no dtype for complex64"],
])("%s in a callback's state is refused by its path, and the checkpoint before it stays", async (_, make, why) => {
  const first = await fit(new Stateful({ plain: 1 }), 1);
  const { trainer, path } = await fit(new Stateful({ deep: [{ value: make() }] }), 3, new BoringModule(), first.path);
  expect(trainer.globalStep).toBe(9);
  const kept = loadCheckpoint(path);
  expect([kept.epoch, kept.callbacks?.["Stateful"]]).toEqual([1, { plain: 1 }]);
  const [warning = ""] = warnings.filter((line) => line.startsWith("checkpoint not saved, training continues: "));
  expect(warning).toContain(`${path}: `);
  expect(warning).toMatch(/callbacks\.Stateful\.deep\.0\.value/);
  expect(warning).toContain(why);
});

/** Everything that a state may hold. */
const everything = () => ({
  numbers: [Number.NaN, Number.NEGATIVE_INFINITY, -0, 0.1],
  big: 2n ** 70n,
  set: new Set([1, "a"]),
  map: new Map([["k", new Map([[1, tensor([1, 2]).to({ dtype: "bfloat16" })]])]]),
  floats: Float32Array.of(1.5, -2),
  $tagged: { $map: 1 },
  nothing: null,
});

function plain(state: Record<string, unknown>): Record<string, unknown> {
  const { map, buffer: _, ...rest } = state;
  const [[key, inner] = []] = map as Map<string, Map<number, Tensor>>;
  const [[number, value] = []] = inner ?? [];
  return { ...rest, map: [key, number, value?.dtype, value?.toArray()] };
}

test("a state of plain values and tensors of every kind comes back as it was", async () => {
  const first = await fit(new Stateful(everything()), 2);
  const second = new Stateful(everything());
  await fit(second, 3, new BoringModule(), first.path);
  expect(plain(second.restored)).toEqual(plain(everything()));
});

test("tensors whose paths read the same are both kept", async () => {
  const state = () => ({ a: { "b.c": tensor([1]) }, "a.b": { c: tensor([2]) } });
  const first = await fit(new Stateful(state()), 2);
  const second = new Stateful(state());
  await fit(second, 2, new BoringModule(), first.path);
  const { a, "a.b": b } = second.restored as Record<string, Record<string, Tensor>>;
  expect([a?.["b.c"]?.item(), b?.["c"]?.item()]).toEqual([1, 2]);
});

const oldFile = fileURLToPath(new URL("./fixtures/checkpoint-v1.ckpt", import.meta.url));

test("a checkpoint that an earlier version wrote is inspected and resumed", async () => {
  const { weights, parameters, stateEntries, summary } = inspectCheckpoint(oldFile);
  expect(weights.map(({ name, dtype, shape }) => `${name} ${dtype}[${shape}]`).sort()).toEqual([
    "conv.bias float32[2]",
    "conv.weight float32[2,3,2,2]",
    "l.bias float32[1]",
    "l.weight float32[1,1]",
  ]);
  expect([summary.runSignature, loadCheckpoint(oldFile).runSignature]).toEqual([{}, {}]);
  expect([parameters, summary.globalStep, stateEntries.includes("optimizerStates")]).toEqual([28, 6, true]);
  expect([summary.runSignature, loadCheckpoint(oldFile).runSignature]).toEqual([{}, {}]);
  const copy = join(dir, "old.ckpt");
  copyFileSync(oldFile, copy);
  class Keeper extends Stateful {}
  const callback = new Keeper({ plain: 1 });
  const module = new Convolutional();
  const { trainer } = await fit(callback, 3, module, copy);
  expect(trainer.globalStep).toBe(9);
  expect(plain(callback.restored)).toEqual(plain(everything()));
  expect(Buffer.from(callback.restored["buffer"] as Uint8Array).toString()).toBe("bytes");
  expect(module.conv.weight.isContiguous("channels_last")).toBe(true);
});

test("a checkpoint is a safetensors file, whose weights anyone can read", async () => {
  const { path } = await fit(new Stateful({ extra: tensor([1]) }), 2);
  const { tensors, metadata } = serialization.loadSafetensors(path);
  expect([...tensors.keys()].filter((name) => !name.startsWith("@")).sort()).toEqual(["l.bias", "l.weight"]);
  expect(tensors.get("@callbacks.Stateful.extra")?.item()).toBe(1);
  expect(metadata["format"]).toBe("classifier-training/checkpoint");
  expect(existsSync(`${path}.tmp`)).toBe(false);
});

test("a state with a megabyte of text is saved and read", async () => {
  const text = '"\\\n'.repeat(400_000);
  const first = await fit(new Stateful({ text }), 2);
  const second = new Stateful({});
  await fit(second, 2, new BoringModule(), first.path);
  expect(second.restored).toEqual({ text });
});
