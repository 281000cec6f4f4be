import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { Rng } from "@classifier-training/base";
import { type ByteImage, byteImage, encodeJpeg, encodePng, functional, readImage } from "@classifier-training/image";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import type { ImageDataset } from "../dataset.ts";
import { ImageFolder } from "../image-folder.ts";
import { JsonlDataset } from "../jsonl.ts";
import { openData } from "../open/open-data.ts";
import { type SplitDatasetOptions, splitDataset } from "./split-dataset.ts";

vi.setConfig({ testTimeout: 30_000 });

const dir = mkdtempSync(join(tmpdir(), "a b ü "));
const photos = join(dir, "photos");
const classes = ["cat", "dog", "ü"];
beforeEach(() => void vi.stubEnv("XDG_CACHE_HOME", join(dir, "cache")));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

/** An image of a few smooth random spots, unlike any other. */
function photo(seed: string): ByteImage {
  const random = Rng.at(seed);
  const small = Uint8Array.from({ length: 8 * 6 * 3 }, () => random.integer(256));
  return functional.resize(byteImage(small, 8, 6), 64, 48) as ByteImage;
}

beforeAll(async () => {
  for (const name of classes) {
    mkdirSync(join(photos, name), { recursive: true });
    for (let i = 0; i < 20; i++)
      writeFileSync(join(photos, name, `${i}.jpg`), await encodeJpeg(photo(`${name} ${i}`), 95));
  }
});

const by = { valFraction: 0.2, testFraction: 0, seed: 0 };

async function splitOf(
  root: string,
  options: Partial<SplitDatasetOptions> = {},
  dataset: ImageDataset = new ImageFolder({ root }),
) {
  const split = await splitDataset(dataset, { ...by, root, ...options });
  return {
    ...split,
    side: new Map(dataset.paths.map((path, i) => [relative(root, path), split.sides[i]])),
    /** By content. */
    val: split.hashes.filter((_, i) => split.sides[i] === "val").sort(),
  };
}

test("the same images have the same split under other names, in another folder, and in an archive", async () => {
  const first = await splitOf(photos);
  expect(first.val).toHaveLength(12);
  expect(first.notices).toEqual([]);
  const other = join(dir, "other");
  for (const name of classes) {
    for (const file of readdirSync(join(photos, name))) {
      const path = join(other, name, `deep/${first.side.size - Number.parseInt(file, 10)}.JPEG`);
      mkdirSync(dirname(path), { recursive: true });
      cpSync(join(photos, name, file), path);
    }
  }
  expect((await splitOf(other)).val).toEqual(first.val);
  execFileSync("tar", ["cf", "../photos.tar", ...classes], { cwd: photos });
  const archive = await (await openData(join(dir, "photos.tar"))).open("train");
  expect((await splitOf(join(dir, "photos.tar"), {}, archive)).val).toEqual(first.val);
  expect((await splitOf(photos, { seed: 1 })).val).not.toEqual(first.val);
  for (const name of classes)
    expect([...first.side].filter(([path, side]) => path.startsWith(name) && side === "val")).toHaveLength(4);
});

test("hashes are found again by path, size and time, whether near duplicates are looked for or not", async () => {
  const paths: number[] = [];
  const first = await splitOf(photos, { onProgress: (done) => void paths.push(done) });
  expect(paths.at(-1)).toBe(60);
  const folder = join(dir, "cache/classifier-training/hashes");
  const times = () => readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
  const before = times();
  expect((await splitOf(photos, { nearDuplicates: false })).val).toEqual(first.val);
  expect(times()).toEqual(before);
  const file = join(photos, "cat/0.jpg");
  const bytes = readFileSync(file);
  writeFileSync(file, await encodeJpeg(photo("another"), 90));
  const changed = await splitOf(photos);
  expect(changed.hashes.filter((hash, i) => hash !== first.hashes[i])).toHaveLength(1);
  writeFileSync(file, bytes);
  for (const name of readdirSync(folder)) writeFileSync(join(folder, name), "{");
  expect((await splitOf(photos)).hashes).toEqual(first.hashes);
});

test("copies, other encodings and other sizes of an image are on its side", async () => {
  const root = join(dir, "planted");
  cpSync(photos, root, { recursive: true });
  const planted: string[][] = [];
  for (const name of classes) {
    for (let i = 0; i < 8; i++) {
      const original = join(root, name, `${i}.jpg`);
      const image = await readImage(original);
      const copies = {
        "copy.jpg": readFileSync(original),
        "pixels.png": await encodePng(image),
        "quality.jpg": await encodeJpeg(image, 60),
        "small.jpg": await encodeJpeg(functional.resize(image, 48, 36) as ByteImage, 90),
      };
      for (const [file, bytes] of Object.entries(copies)) writeFileSync(join(root, name, `${i}-${file}`), bytes);
      planted.push([`${i}.jpg`, ...Object.keys(copies).map((file) => `${i}-${file}`)].map((file) => join(name, file)));
    }
  }
  for (const options of [{}, { testFraction: 0.2 }]) {
    const { side, notices } = await splitOf(root, options);
    for (const group of planted) expect(new Set(group.map((path) => side.get(path))).size, group.join()).toBe(1);
    expect(notices).toEqual(["120 images have duplicates or near duplicates, which are on the same side"]);
    for (const name of classes) {
      const own = [...side].filter(([path]) => path.startsWith(`${name}/`));
      expect(Math.abs(own.filter(([, one]) => one === "val").length - 0.2 * own.length)).toBeLessThanOrEqual(5);
    }
  }
  const apart = await splitOf(root, { nearDuplicates: false });
  expect(planted.some((group) => new Set(group.map((path) => apart.side.get(path))).size > 1)).toBe(true);
  expect(apart.notices[1]).toBe("near duplicates were not looked for");
});

test("a group is on one side, whether the metadata or the path names it", async () => {
  const rows: object[] = [];
  const root = join(dir, "grouped");
  for (const [c, name] of classes.entries()) {
    mkdirSync(join(root, name), { recursive: true });
    for (let i = 0; i < 20; i++) {
      const player = (3 * i + c) % 10;
      const image = `${name}/p${player}_${i}.jpg`;
      cpSync(join(photos, name, `${i}.jpg`), join(root, image));
      rows.push({ image, suffix: name, metadata: i === 0 ? {} : { player, team: player % 2 } });
    }
  }
  const playerOf = (path: string) => /p(\d)_(?!0)/.exec(path)?.[1];
  const sidesOf = (side: ReadonlyMap<string, unknown>) =>
    [..."0123456789"].map(
      (player) =>
        [
          player,
          new Set([...side.keys()].filter((path) => playerOf(path) === player).map((path) => side.get(path))).size,
        ] as const,
    );
  for (const options of [{}, { testFraction: 0.2 }, { folds: { count: 5, fold: 1 } }]) {
    const byPath = await splitOf(root, { ...options, group: "p([0-9])_" });
    for (const [player, sides] of sidesOf(byPath.side)) expect([player, sides]).toEqual([player, 1]);
    writeFileSync(join(root, "annotations.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
    const byColumn = await splitOf(root, { ...options, group: "player" }, new JsonlDataset({ root }));
    for (const [player, sides] of sidesOf(byColumn.side)) expect([player, sides]).toEqual([player, 1]);
    expect(byColumn.notices).toContain("3 images without 'player': each a group of its own");
    rmSync(join(root, "annotations.jsonl"));
  }
  writeFileSync(join(root, "annotations.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  const listed = new JsonlDataset({ root });
  await expect(splitOf(root, { group: "playr" }, listed)).rejects.toThrow(
    /no image has 'playr' in its metadata[\s\S]*did you mean 'player'/,
  );
  await expect(splitOf(root, { group: "q(\\d)_" })).rejects.toThrow(
    /no path matches q\(\\d\)_: expected a part of paths such as cat\/p0_0\.jpg/,
  );
  await expect(splitOf(root, { group: "(" })).rejects.toThrow("expected a column or a regular expression, received (");
});

test("each image is validated by one fold, and the folds do not depend on the chosen one", async () => {
  const all = await Promise.all(
    [0, 1, 2, 3, 4].map((fold) => splitOf(photos, { testFraction: 0.1, folds: { count: 5, fold } })),
  );
  const test = all[0]?.sides.map((side) => side === "test");
  for (const { sides, foldOf } of all) {
    expect(sides.map((side) => side === "test")).toEqual(test);
    expect(foldOf).toEqual(all[0]?.foldOf);
  }
  for (const [i, isTest] of (test ?? []).entries())
    expect(all.filter(({ sides }) => sides[i] === "val")).toHaveLength(isTest ? 0 : 1);
});

test("classes of one or two images stay in training, and too few images are a sentence", async () => {
  const root = join(dir, "few");
  cpSync(photos, root, { recursive: true });
  for (let i = 2; i < 20; i++) rmSync(join(root, `dog/${i}.jpg`));
  const { side, notices } = await splitOf(root);
  expect([side.get("dog/0.jpg"), side.get("dog/1.jpg")]).toEqual(["train", "train"]);
  expect(notices).toEqual(["1 class with one or two images, or all in one group, only in training: dog"]);
  for (const name of ["cat", "ü"]) for (let i = 4; i < 20; i++) rmSync(join(root, `${name}/${i}.jpg`));
  await expect(splitOf(root, { folds: { count: 5, fold: 0 } })).rejects.toThrow(
    /too few images for 5 folds: of 10 images, the largest class has 4 that may be on different sides[\s\S]*use fewer folds/,
  );
  for (const name of ["cat", "ü"])
    for (let i = 1; i < 4; i++) cpSync(join(root, `${name}/0.jpg`), join(root, `${name}/${i}.jpg`));
  await expect(splitOf(root)).rejects.toThrow(/too few images for val images[\s\S]*data\.near_duplicates=false/);
});
