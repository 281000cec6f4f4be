import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { byteImage, encodePng } from "@classifier-training/image";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MixUp } from "../batch-transforms/mix-up.ts";
import { DataLoader } from "../loader/data-loader.ts";
import { classSampler, type WeightedRandomSampler } from "../samplers/weighted.ts";
import { checkData } from "./check/check-data.ts";
import { renderDataReport } from "./check/render.ts";
import { ImageDataset } from "./dataset.ts";
import { LabelSets } from "./label-sets.ts";
import { openData } from "./open/open-data.ts";
import type { SplitOptions } from "./open/options.ts";
import type { TaskChoice } from "./row-labels.ts";

const base = mkdtempSync(join(tmpdir(), "multilabel a b ü "));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** Four images: a cat and a dog, a dog, nothing, a cat. */
const expected = { "0.png": ["cat", "dog"], "1.png": ["dog"], "2.png": [], "3.png": ["cat"] };
const images = Object.entries<readonly string[]>(expected);
const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

beforeAll(async () => {
  for (let i = 0; i < 4; i++) {
    const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, k) => (i * 60 + k * (i + 1)) % 256);
    writeFileSync(join(base, `${i}.png`), await encodePng(byteImage(pixels, 8, 8)));
  }
});

function split(name: string, file: string, text: string): string {
  const folder = join(base, name);
  mkdirSync(join(folder, "train"), { recursive: true });
  writeFileSync(join(folder, "train", file), text);
  return folder;
}

const openTrain = async (path: string, options?: SplitOptions) => (await openData(path)).open("train", options);
const at = (name: string) => join(base, name);

function labelsByImage(dataset: ImageDataset): Record<string, string[]> {
  const names = (i: number) => Array.from(dataset.labelsOf(i), (label) => dataset.classes[label] as string);
  return Object.fromEntries(dataset.paths.map((path, i) => [path.split(/[\\/]/).at(-1) as string, names(i)]));
}

const listings: Readonly<Record<string, readonly [file: string, text: string]>> = {
  "jsonl with label": ["a.jsonl", lines(images.map(([image, label]) => ({ image: at(image), label })))],
  "jsonl with labels": ["a.jsonl", lines(images.map(([image, labels]) => ({ image: at(image), labels })))],
  "jsonl with suffix": ["a.jsonl", lines(images.map(([image, suffix]) => ({ image: at(image), suffix })))],
  "metadata.jsonl": ["metadata.jsonl", lines(images.map(([image, label]) => ({ file_name: at(image), label })))],
  "a column a label": [
    "metadata.csv",
    `file_name,age,cat,dog\n${images.map(([image, l]) => `${at(image)},7,${+l.includes("cat")},${l.includes("dog") ? 1 : ""}\n`).join("")}`,
  ],
  "a separator": ["metadata.csv", `file_name,label\n${images.map(([i, l]) => `${at(i)},${l.join("|")}\n`).join("")}`],
  semicolons: ["metadata.csv", `file_name,labels\n${images.map(([i, l]) => `${at(i)},${l.join("; ")}\n`).join("")}`],
  "lists as pandas writes them": [
    "metadata.csv",
    `file_name,label\n${images.map(([i, l]) => `${at(i)},"[${l.map((x) => `'${x}'`).join(", ")}]"\n`).join("")}`,
  ],
};

test.each(Object.entries(listings))("%s: the same label sets, without an option", async (name, [file, text]) => {
  const dataset = await openTrain(split(name, file, text));
  expect(dataset.task).toBe("multilabel");
  expect(labelsByImage(dataset)).toEqual(expected);
  expect([...dataset.classCounts()]).toEqual([2, 2]);
  expect(dataset.notices()).toEqual([]);
});

test("a listing read by its own function, and rows of one label each as sets of one image", async () => {
  const file = join(base, "long.csv");
  writeFileSync(file, `image,label\n0.png,cat\n0.png,dog\n1.png,dog\n3.png,cat\n`);
  const open = (task: TaskChoice) => openTrain(file, { task });
  expect((await open("auto")).task).toBe("multiclass");
  expect(labelsByImage(await open("multilabel"))).toEqual({
    "0.png": ["cat", "dog"],
    "1.png": ["dog"],
    "3.png": ["cat"],
  });
});

test.each([
  ["class names with a separator stay names", "a|b\nc|d\na|b\n", "auto", ["a|b", "c|d"]],
  ["multiclass reads a cell as one name", "a|b\nb\na\n", "multiclass", ["a", "a|b", "b"]],
  ["multilabel splits at the first separator that is there", "a|b\nc|d\na|b\n", "multilabel", ["a", "b", "c", "d"]],
] as const)("%s", async (_, cells, task, classes) => {
  const file = join(base, "cells.csv");
  const rows = cells
    .trim()
    .split("\n")
    .map((cell, i) => `${i}.png,${cell}\n`);
  writeFileSync(file, `image,label\n${rows.join("")}`);
  expect((await openTrain(file, { task })).classes).toEqual(classes);
});

test("a second split has the task of the first: unknown labels are left out, several labels are an error for multiclass", async () => {
  const root = split(
    "unknown",
    "a.jsonl",
    lines([
      { image: at("0.png"), label: ["cat", "owl"] },
      { image: at("1.png"), label: ["dog"] },
      { image: at("3.png"), label: null },
    ]),
  );
  const classToIdx = new Map([
    ["cat", 0],
    ["dog", 1],
  ]);
  const dataset = await openTrain(root, { classToIdx, task: "multilabel" });
  expect(labelsByImage(dataset)).toEqual({ "1.png": ["dog"] });
  expect(dataset.skipped).toMatchObject({ "label unknown to train": 1, "no label": 1 });
  await expect(openTrain(root, { classToIdx, task: "multiclass" })).rejects.toThrow(
    /received cat, owl[\s\S]*a\.jsonl:1/,
  );
});

test("subset, concat and steps keep label sets; datasets of different tasks are not joined", async () => {
  const [file, text] = listings["jsonl with label"] as [string, string];
  const dataset = await openTrain(split("compose", file, text));
  const both = dataset.subset([3, 2, 0]).concat(dataset).readAs(dataset.source);
  const sets = Array.from({ length: both.length }, (_, i) => [...both.labelsOf(i)]);
  expect(sets).toEqual([[0], [], [0, 1], [0, 1], [1], [], [0]]);
  expect([...both.targets]).toEqual([0, -1, 0, 0, 1, -1, 0]);
  const single = new ImageDataset({ ...dataset, labelSets: undefined, targets: Int32Array.of(0, 1, 0, 1) });
  expect(() => dataset.concat(single)).toThrow("is multiclass, and train is multilabel");
});

test("batches have a row of K for each sample, which MixUp blends", async () => {
  const [file, text] = listings["jsonl with label"] as [string, string];
  const dataset = await openTrain(split("batches", file, text));
  const labelsOf = async (options: object) => {
    const loader = new DataLoader(dataset, { batchSize: 4, ...options });
    for await (const batch of loader) {
      const { dtype } = batch.labels;
      return { dtype, rows: batch.labels.tolist() as number[][] };
    }
    return undefined;
  };
  expect(await labelsOf({})).toEqual({
    dtype: "float32",
    rows: [
      [1, 1],
      [0, 1],
      [0, 0],
      [1, 0],
    ],
  });
  const mixed = await labelsOf({ batchTransform: new MixUp({ alpha: 1 }) });
  const [first = [], second = []] = mixed?.rows ?? [];
  // Sample 1 (a dog) is blended with sample 0 (both): its dog stays whole.
  expect(second[1]).toBeCloseTo(1);
  expect(second[0]).toBeGreaterThan(0);
  expect(second[0]).toBeLessThan(1);
  expect((first[1] ?? 0) + (second[0] ?? 0)).toBeCloseTo(1);
});

test("auto weights count a sample for its rarest class, and samples of no class as a class of their own", () => {
  const sets = [[0], [0], [0, 1], [0], [], []];
  const labelSets = LabelSets.from(sets.length, (i) => sets[i] as number[]);
  const classToIdx = new Map([
    ["many", 0],
    ["few", 1],
  ]);
  const labeled = { targets: labelSets.first(), labelSets, classToIdx };
  const weights = (options: object) => [...(classSampler(labeled, options) as WeightedRandomSampler).weights];
  expect(weights({ mode: "auto" })).toEqual([1 / 4, 1 / 4, 1, 1 / 4, 1 / 2, 1 / 2]);
  expect(weights({ mode: "manual", classWeights: { many: 1, few: 5 } })).toEqual([1, 1, 5, 1, 1, 1]);
});

test("the check counts classes by image, and names contradictory sets", async () => {
  const root = split(
    "checked",
    "a.jsonl",
    lines(
      [...images, ["0.png", []] as const].map(([image, label], i) => ({
        image: i === 4 ? "copy.png" : at(image),
        label,
      })),
    ),
  );
  writeFileSync(
    join(root, "train", "copy.png"),
    Buffer.from(await (await import("node:fs/promises")).readFile(at("0.png"))),
  );
  const report = await checkData(root);
  expect(report.splits[0]).toMatchObject({ images: 5, classes: { cat: 2, dog: 2 } });
  expect(renderDataReport(report)).toMatch(/Contradictory labels.*: 1\n.*0\.png \(cat, dog\) = .*copy\.png \(none\)/);
});

test("a million samples are flat arrays", () => {
  const count = 1_000_000;
  const start = performance.now();
  const labelSets = LabelSets.from(count, (i) => (i % 3 === 0 ? [] : [i % 50, (i * 7) % 50]));
  const chosen = labelSets.concat(labelSets).subset(Int32Array.of(count + 4, 2, 3));
  expect([...chosen.classes]).toEqual([4, 28, 2, 14]);
  expect([...chosen.offsets]).toEqual([0, 2, 4, 4]);
  expect(performance.now() - start).toBeLessThan(8000);
});
