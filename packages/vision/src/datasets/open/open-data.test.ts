import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setLogSinks } from "@classifier-training/base";
import { byteImage, encodePng, Resize } from "@classifier-training/image";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { DataLoader } from "../../loader/data-loader.ts";
import { checkData } from "../check/check-data.ts";
import type { ImageDataset } from "../dataset.ts";
import { storedBytes } from "../stored-bytes.ts";
import { openData } from "./open-data.ts";

vi.setConfig({ testTimeout: 30_000 });

const base = mkdtempSync(join(tmpdir(), "data a b ü "));
const at = (...names: string[]) => join(base, ...names);
/** Width of the image by its name: what tells images apart, wherever they are. */
const names = ["cat/1.PNG", "cat/deep/2.png", "dog/3.png"] as const;
const pngs = new Map<string, Uint8Array>();

beforeAll(async () => {
  vi.stubEnv("XDG_CACHE_HOME", at("cache"));
  setLogSinks([]);
  for (const [i, name] of names.entries()) {
    const pixels = Uint8Array.from({ length: (8 + i) * 8 * 3 }, (_, k) => (40 * i + k) % 256);
    pngs.set(name, await encodePng(byteImage(pixels, 8 + i, 8)));
  }
  for (const split of ["train", "val"]) tree(join("splits", split));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(base, { recursive: true, force: true });
});

function tree(folder: string, files: readonly string[] = names): string {
  for (const name of files) write(join(folder, name), pngs.get(name) ?? (pngs.get(names[0]) as Uint8Array));
  return at(folder);
}

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), content);
}

/** The path that comes after what is made first. */
const last = (...made: readonly [...unknown[], string]) => made.at(-1) as string;
const tar = (cwd: string, ...args: string[]) => void execFileSync("tar", args, { cwd });
const labelOf = (name: string) => name.split("/")[0] as string;
const csv = (rows: readonly (readonly string[])[]) => `${rows.map((row) => row.join(";")).join("\n")}\n`;

/** Label of each image by its width. */
async function labels(dataset: ImageDataset): Promise<Record<number, string>> {
  const found: Record<number, string> = {};
  for (let i = 0; i < dataset.length; i++) {
    const { image, label } = await dataset.get(i);
    found[image.width] = dataset.classes[label] as string;
  }
  return found;
}

const expected = { 8: "cat", 9: "cat", 10: "dog" };

/** Paths of the same images with the same labels; each has `val`, too, where the second field says so. */
const kinds: Readonly<Record<string, readonly [make: () => string, splits: readonly string[], kind: RegExp]>> = {
  "class folders": [() => tree("flat"), ["train"], /^class folders$/],
  "class folders in one folder": [() => dirname(tree("outer/photos")), ["train"], /in photos$/],
  "split folders of any case": [
    () => {
      cpSync(at("splits"), at("cased"), { recursive: true });
      cpSync(at("cased/train"), at("cased/TRAIN_"), { recursive: true });
      rmSync(at("cased/train"), { recursive: true });
      execFileSync("mv", [at("cased/TRAIN_"), at("cased/Train")]);
      execFileSync("mv", [at("cased/val"), at("cased/DEV")]);
      return at("cased");
    },
    ["train", "val"],
    /^split folders Train, DEV$/,
  ],
  "class folders beside a test split": [
    () => last(tree("beside/test"), tree("beside")),
    ["train", "test"],
    /^split folders train, test$/,
  ],
  "a list with a split column": [
    () => {
      tree("listed/images");
      const rows = names.flatMap((name) =>
        ["TRAIN", "validation"].map((split) => [`images/${name}`, labelOf(name), split]),
      );
      write("listed/labels.csv", csv([["FileName", "Class", "Set"], ...rows]));
      return at("listed");
    },
    ["train", "val"],
    /^list labels\.csv$/,
  ],
  "a list by its own path, with names without folders": [
    () => {
      for (const name of names) write(join("bare/train_images", basename(name)), pngs.get(name) as Uint8Array);
      write("bare/train.csv", csv([["image_id", "label"], ...names.map((name) => [basename(name), labelOf(name)])]));
      return at("bare/train.csv");
    },
    ["train"],
    /^list train\.csv$/,
  ],
  "a folder with images in two folders and a list of their names": [
    () => {
      for (const [i, name] of names.entries()) write(`bare2/part${i % 2}/${i}.png`, pngs.get(name) as Uint8Array);
      write(
        "bare2/labels.csv",
        csv([["id", "image_id", "y"], ...names.map((name, i) => ["7", `${i}`, labelOf(name)])]),
      );
      return at("bare2");
    },
    ["train"],
    /^list labels\.csv$/,
  ],
  "a list per split": [
    () => {
      tree("lists/images");
      const rows = names.map((image) => ({ image: `images/${image}`, label: labelOf(image) }));
      for (const split of ["train", "dev"])
        write(`lists/${split}.jsonl`, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
      write("lists/test.jsonl", '{"image": "images/unknown.png"}\n');
      return at("lists");
    },
    ["train", "val"],
    /^lists train, dev$/,
  ],
  "a tar file": [
    () => last(tar(at("splits"), "cf", at("splits.tar"), "train", "val"), at("splits.tar")),
    ["train", "val"],
    /^split folders train, val$/,
  ],
  "a compressed tar file with one folder": [
    () => last(tar(base, "czf", at("all.tgz"), "splits"), at("all.tgz")),
    ["train", "val"],
    /in splits$/,
  ],
  "shards of a WebDataset": [
    () => {
      for (const [i, name] of names.entries()) {
        write(`web/000${i}.png`, pngs.get(name) as Uint8Array);
        if (i === 0) write(`web/000${i}.cls`, `${labelOf(name)}\n`);
        else write(`web/000${i}.json`, JSON.stringify({ label: labelOf(name), player: i }));
      }
      mkdirSync(at("shards"));
      for (const split of ["train", "val"]) {
        tar(at("web"), "cf", at(`shards/${split}-000.tar`), "0000.png", "0000.cls");
        tar(at("web"), "cf", at(`shards/${split}-001.tar`), "0001.png", "0001.json", "0002.png", "0002.json");
      }
      return at("shards");
    },
    ["train", "val"],
    /^archives train, val$/,
  ],
  "a range of shards": [() => at("shards/train-{000..001}.tar"), ["train"], /labels beside the images/],
};

test.each(Object.entries(kinds))("%s", async (_, [make, splits, kind]) => {
  const data = await openData(make());
  expect(data.kind).toMatch(kind);
  expect(data.splits).toEqual(splits);
  const train = await data.open("train");
  expect(await labels(train)).toEqual(expected);
  for (const split of splits.slice(1)) expect(await labels(await data.open(split, train))).toEqual(expected);
  // As stored, for content hashes.
  const stored = train.paths.map((_, i) => Buffer.from(storedBytes(train.source, i)));
  expect(stored.every((bytes) => [...pngs.values()].some((png) => bytes.equals(png)))).toBe(true);
});

test("a folder and archives of it give the same order of samples, and workers read both", async () => {
  tar(at("splits"), "cf", at("order.tar"), "val", "train");
  const batches = async (path: string) => {
    const loader = new DataLoader(await (await openData(path)).open("train"), {
      batchSize: 1,
      numWorkers: 1,
      exactWorkers: true,
      transform: Resize({ size: [4, 4] }),
    });
    const found: unknown[] = [];
    for await (using batch of loader.batches({ epoch: 0 })) found.push(batch.labels.tolist(), batch.images.tolist());
    await loader.close();
    return found;
  };
  const read = await batches(at("splits"));
  expect(read).toHaveLength(2 * names.length);
  expect(await batches(at("order.tar"))).toEqual(read);
  const report = await checkData(at("order.tar"));
  expect(report.refused).toEqual([]);
  expect(report.splits.map(({ images }) => images)).toEqual([3, 3]);
});

test("a Hugging Face dataset: images in Parquet shards, class names and metadata, unpacked once", async () => {
  const fixture = fileURLToPath(new URL("../../../test/fixtures/hugging-face.parquet", import.meta.url));
  mkdirSync(at("hf/data"), { recursive: true });
  write("hf/README.md", "---\n");
  for (const name of ["train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001"])
    copyFileSync(fixture, at(`hf/data/${name}.parquet`));
  for (const _ of [1, 2]) {
    const data = await openData(at("hf"));
    const train = await data.open("train");
    expect([data.splits, train.length, train.classes]).toEqual([["train", "val"], 8, ["fist", "hand"]]);
    expect(train.metadata.map((row) => row?.["player"])).toEqual(["p0", "p0", "p1", "p1", "p0", "p0", "p1", "p1"]);
    expect((await data.open("val", train)).length).toBe(4);
    expect(await labels(train)).toEqual({ 8: "hand", 9: "fist", 10: "hand", 11: "fist" });
    expect(readdirSync(at("cache/classifier-training/archives")).filter((name) => /parquet/.test(name))).toHaveLength(
      3,
    );
  }
});

test("rows keep their other columns", async () => {
  tree("meta/images");
  const rows = names.map((name, i) => [`images/${name}`, labelOf(name), `p${i}`]);
  write("meta/all.tsv", [["path", "category", "player"], ...rows].map((row) => row.join("\t")).join("\r\n"));
  const train = await (await openData(at("meta"))).open("train");
  expect(train.subset([2, 0]).metadata).toEqual([{ player: "p2" }, { player: "p0" }]);
  const byPlayer = await (await openData(at("meta/all.tsv"), { labelColumn: "player" })).open("train");
  expect(byPlayer.classes).toEqual(["p0", "p1", "p2"]);
  await expect(openData(at("meta/all.tsv"), { labelColumn: "plaer" })).rejects.toThrow("did you mean 'player'?");
});

const refused: Readonly<Record<string, readonly [make: () => string, message: RegExp]>> = {
  "two folders of one split": [
    () => last(tree("twice/valid"), tree("twice/val"), dirname(tree("twice/train"))),
    /'val' and 'valid' both are the val split/,
  ],
  "one class": [
    () => tree("one", ["cat/1.PNG"]),
    /all of one class, cat: a classifier needs two or more\n {2}where: .*one\/\n {4}cat\/ +1 \.png\n {2}fix: expected one folder of images for each class:\n {4}cat\//,
  ],
  "images without folders": [
    () => tree("direct", ["1.png", "2.png"]),
    /holds no samples: there are no class folders.*\n {2}where: .*direct\/\n {4}files: 2 \.png\n/,
  ],
  "an empty folder": [() => last(mkdirSync(at("void")), at("void")), /holds no samples[\s\S]*void\/\n {4}empty/],
  "no such path": [() => last(tree("flat"), at("falt")), /falt does not exist\n {2}fix: did you mean '.*flat'\?/],
  "one image": [() => join(tree("single"), names[0]), /1\.PNG is a single image.*\n.*classifier predict RUN IMAGE/],
  "another kind of archive": [
    () => last(write("x.rar", "x"), at("x.rar")),
    /x\.rar is an archive of a kind that is not read/,
  ],
  "a cut tar file": [() => last(write("cut.tar", new Uint8Array(600).fill(7)), at("cut.tar")), /cut\.tar is broken/],
  "a cut tar.gz file": [
    () => last(write("cut.tgz", Uint8Array.of(31, 139, 8, 0, 1)), at("cut.tgz")),
    /cut\.tgz cannot be unpacked/,
  ],
  "missing shards": [() => at("none-{0..3}.tar"), /4 of 4 shards do not exist, such as .*none-0\.tar/],
  "a list without known columns": [
    () => last(write("odd.csv", "a,b\n1,2\n"), at("odd.csv")),
    /odd\.csv has no column that looks like the image.*\n {2}where: columns there: a, b\n {2}fix: name it: data\.image_column=NAME/,
  ],
  "a folder of images with a list without known columns": [
    () => {
      write("odd/images/1.png", "");
      write("odd/list.csv", "a,b\n1,2\n");
      return at("odd");
    },
    /list\.csv has no column that looks like the image/,
  ],
  "a list of other images": [
    () => last(write("gone.csv", "image,label\nnowhere.png,a\nnowhere2.png,b\n"), at("gone.csv")),
    /nowhere\.png does not exist \(and 1 more\)/,
  ],
};

test.each(Object.entries(refused))("%s: a sentence", async (_, [make, message]) => {
  await expect(openData(make()).then((data) => data.open("train"))).rejects.toThrow(message);
});

test("what is not an image is left alone, and what may be meant otherwise is said", async () => {
  const root = tree("noise", [...names, "Cat/1.png", "__MACOSX/cat/1.png", "dog/.hidden.png", "stray.png"]);
  for (const other of ["dog/.DS_Store", "dog/Thumbs.db", "dog/photo.HEIC", "empty/notes.txt", "outputs/run.log"])
    write(join("noise", other), "x");
  // What a training that was started there left.
  for (const left of ["states/noise/runs.jsonl", "states/noise/last.ckpt", "outputs/1/a.jsonl"])
    write(join("noise", left), "{}\n");
  const data = await openData(root, { allowEmpty: "skip" });
  const train = await data.open("train");
  expect(train.classes).toEqual(["Cat", "cat", "dog"]);
  expect(train.notices().map((line) => line.replaceAll(root, "ROOT"))).toEqual([
    "1 image left out (in no class folder): such as ROOT/stray.png",
    "1 image left out (format not read): 1 .heic",
    "left out, because there are no images in it: empty",
    "classes that differ by case or Unicode normalization only: 'Cat' and 'cat'",
  ]);
  await expect((await openData(root)).open("train")).rejects.toThrow("no images were found for the classes empty");

  const nested = await (
    await openData(tree("nested", ["a/cat/1.png", "a/dog/1.png", "b/elm/1.png", "b/oak/1.png"]))
  ).open("train");
  expect(nested.classes).toEqual(["a", "b"]);
  expect(nested.notices()[0]).toMatch(
    /4 folders in them \(cat, dog, elm, \.\.\.\) become the classes with data\.class_folder=leaf/,
  );
  const leaves = await (await openData(at("nested"), { classFolder: "leaf" })).open("train");
  expect(leaves.classes).toEqual(["cat", "dog", "elm", "oak"]);

  symlinkSync("..", at("nested/a/up"));
  await expect(openData(at("nested"))).rejects.toThrow(/leads back to itself or to a folder/);
});

test("a class called train, an unlabeled test folder, and a name in another Unicode normalization", async () => {
  const vehicles = await openData(tree("vehicles", ["train/1.png", "bus/1.png"]));
  expect((await vehicles.open("train")).classes).toEqual(["bus", "train"]);
  tree("unlabeled/train");
  const unlabeled = await openData(dirname(tree("unlabeled/test", ["1.png"])));
  expect(unlabeled.splits).toEqual(["train"]);
  expect((await unlabeled.open("train")).notices()).toEqual(["not read: test, whose images have no labels"]);
  tree("mac/train", ["u\u0308/1.png", "a/1.png"]);
  const mac = await openData(dirname(tree("mac/val", ["\u00fc/1.png"])));
  const train = await mac.open("train");
  expect([...(await mac.open("val", train)).targets]).toEqual([train.classToIdx.get("u\u0308")]);
});

test("2,000 classes of one image each, and a list of 100,000 rows, take seconds", async () => {
  for (let i = 0; i < 2000; i++) write(`many/class ${i}/1.png`, "");
  const start = performance.now();
  const many = await (await openData(at("many"))).open("train");
  expect([many.length, many.classes.length]).toEqual([2000, 2000]);
  const row = (i: number) => `class ${i % 2000}/1.png,"label ${i % 7}",p${i}\n`;
  write("many/list.csv", `image,label,player\n${Array.from({ length: 100_000 }, (_, i) => row(i)).join("")}`);
  const listed = await (await openData(at("many/list.csv"))).open("train");
  expect([listed.length, listed.classes.length]).toEqual([100_000, 7]);
  expect(listed.metadata.at(-1)).toEqual({ player: "p99999" });
  expect(performance.now() - start).toBeLessThan(20_000);
});
