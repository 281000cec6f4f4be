import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type Split, splitFolderNames } from "@classifier-training/base";
import { byteImage, encodePng } from "@classifier-training/image";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openData } from "../open/open-data.ts";
import { type SplitChoices, splitData } from "../partition/split-data.ts";
import { EditLog } from "./edit-log.ts";

const base = mkdtempSync(join(tmpdir(), "edited splits "));
const root = join(base, "a b ü");
const names = Array.from({ length: 40 }, (_, i) => `${i < 20 ? "cat" : "dog"}/${i}.png`);

beforeAll(async () => {
  vi.stubEnv("XDG_CACHE_HOME", join(base, "cache"));
  for (const folder of ["cat", "dog"]) mkdirSync(join(root, folder), { recursive: true });
  for (const [i, name] of names.entries()) {
    // 0 and 1, and 2 and 3, are equal.
    const seed = i < 4 ? i - (i % 2) : i;
    const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, k) => (97 * (seed + 1) * (k + 3) * (k + seed)) % 251);
    writeFileSync(join(root, name), await encodePng(byteImage(pixels, 8, 8)));
  }
  const log = EditLog.open(root);
  const assign = (split: Split, ...of: number[]) =>
    log.append({ op: "split", images: of.map((i) => names[i] as string), split });
  assign("val", 0, 2, 5, 30);
  assign("train", 3, 21, 22);
  assign("test", 39);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(base, { recursive: true, force: true });
});

/** The numbers of the images of each split. */
async function split(choices: Partial<SplitChoices>) {
  const data = await splitData(await openData(root), { seed: 0, nearDuplicates: true, ...choices });
  const train = await data.open("train");
  const of = async (side: Split) => {
    if (!data.splits.includes(side)) return [];
    const { paths } = await data.open(splitFolderNames[side][0], train);
    return paths.map((path) => Number.parseInt(basename(path), 10)).sort((a, b) => a - b);
  };
  const sides = { train: await of("train"), val: await of("val"), test: await of("test") };
  return { ...sides, made: "made" in data ? data.made : undefined };
}

const all = names.map((_, i) => i);

test("splits without a choice are those that edits assign", async () => {
  const { train, val, test: own, made } = await split({});
  expect([val, own, made]).toEqual([[0, 2, 5, 30], [39], undefined]);
  expect(train).toHaveLength(35);
});

test.each([0, 1, 2])("a split that is made has the assigned images among its fraction (seed %d)", async (seed) => {
  const { train, val, test: own, made } = await split({ valFraction: "auto", seed });
  expect(val).toEqual(expect.arrayContaining([0, 1, 2, 5, 30]));
  expect(train).toEqual(expect.arrayContaining([3, 21, 22]));
  expect(own).toEqual([39]);
  expect([...train, ...val, ...own].sort((a, b) => a - b)).toEqual(all);
  // A fifth of the 39 that are not test images, 4 of each class.
  expect(val.length).toBeGreaterThanOrEqual(7);
  expect(val.length).toBeLessThanOrEqual(9);
  expect(made?.summary).toMatch(/^split: \d+ train, \d valid, by class and content, 7 images as assigned$/);
});

test("a test split that is made has the assigned one, too", async () => {
  const { test: own, val } = await split({ testFraction: 0.2 });
  expect(own).toContain(39);
  expect(own.length).toBeGreaterThan(5);
  expect(val).toEqual([0, 2, 5, 30]);
});

test("folds validate no image that is assigned, and train on those of train", async () => {
  const validated: number[] = [];
  for (const fold of [0, 1, 2, 3]) {
    const { train, val, test: own, made } = await split({ folds: 4, fold });
    expect(train).toEqual(expect.arrayContaining([3, 21, 22]));
    expect(own).toEqual([39]);
    expect(made?.notices.join()).toContain("the validation split of the data is not used");
    validated.push(...val);
  }
  const assigned = [0, 2, 3, 5, 21, 22, 30, 39];
  expect(validated.sort((a, b) => a - b)).toEqual(all.filter((i) => !assigned.includes(i)));
});

test("a validation split that the data has stays its own, also where edits assign its images to it", async () => {
  const other = join(base, "with val");
  for (const split of ["train", "val"]) cpSync(root, join(other, split), { recursive: true });
  const log = EditLog.open(other);
  log.append({ op: "split", images: names.map((name) => `val/${name}`), split: "val" });
  const data = await splitData(await openData(other), { seed: 0, valFraction: "auto" });
  expect("made" in data).toBe(false);
  expect((await data.open("valid")).length).toBe(40);
});
