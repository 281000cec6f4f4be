import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { comparePython, parseCsv } from "@classifier-training/base";
import { byteImage, encodePng } from "@classifier-training/image";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { DataLoader } from "../loader/data-loader.ts";
import { cached, dataKey } from "./cache.ts";
import { ramCacheUse } from "./cached-source.ts";
import { checkData } from "./check/check-data.ts";
import { renderDataReport } from "./check/render.ts";
import { IdxDataset, parseIdx } from "./idx.ts";
import { ImageFolder } from "./image-folder.ts";
import { JsonlDataset } from "./jsonl.ts";
import { openData } from "./open/open-data.ts";

vi.setConfig({ testTimeout: 30_000 });

let base: string;
let png: (seed: number, size?: number) => Promise<Uint8Array>;

beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "vision-datasets-"));
  png = (seed, size = 24) => {
    const at = (i: number) =>
      128 + 100 * Math.sin(seed * 7 + Math.floor(i / 3 / size) * 0.3 * seed + (Math.floor(i / 3) % size) * 0.2);
    return encodePng(
      byteImage(
        Uint8Array.from({ length: size * size * 3 }, (_, i) => at(i)),
        size,
        size,
      ),
    );
  };
});

afterAll(() => rmSync(base, { recursive: true, force: true }));

async function tree(name: string, files: Record<string, string | Uint8Array | Promise<Uint8Array>>): Promise<string> {
  const root = join(base, name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), await content);
  }
  return root;
}

const row = (image: string, suffix: unknown) => `${JSON.stringify({ image, prefix: "Read the number.", suffix })}\n`;

test("classes are ordered as Python orders strings", () => {
  expect(["b", "\u{1F600}", "\uFFFD", "10", "2", "00", "0"].sort(comparePython)).toEqual([
    "0",
    "00",
    "10",
    "2",
    "b",
    "\uFFFD",
    "\u{1F600}",
  ]);
});

test("JSONL rows are read from all files below a split; empty and unknown labels are left out and counted", async () => {
  const root = await tree("jsonl", {
    "train/annotations.jsonl": row("7/a.png", "7") + row("10/b.png", "10") + row("7/c.png", ""),
    "train/more/extra.jsonl": `${row("d.png", "7")}\n${row("7/a.png", 10)}`,
    "train/7/a.png": png(1),
    "train/7/c.png": png(3),
    "train/10/b.png": png(2),
    "train/more/d.png": png(4),
    "valid/annotations.jsonl": row("e.png", "99") + row("e.png", "7"),
    "valid/e.png": png(5),
  });
  const train = new JsonlDataset({ root, split: "train" });
  expect([...train.classToIdx]).toEqual([
    ["10", 0],
    ["7", 1],
  ]);
  expect([...train.targets]).toEqual([1, 0, 1, 0]);
  expect(train.skipped).toEqual({ "no label": 1 });
  const valid = new JsonlDataset({ root, split: "valid", classToIdx: train.classToIdx });
  expect(valid.length).toBe(1);
  expect(valid.skipped["label unknown to train"]).toBe(1);
  expect((await valid.get(0)).image.width).toBe(24);
});

test("what is wrong with annotations is named by file and line", async () => {
  const root = await tree("bad", {
    "train/annotations.jsonl": `${row("a.png", "7")}{"image": \n`,
    "train/a.png": png(1),
    "rows/annotations.jsonl": '{"suffix": "7"}\n',
    "gone/annotations.jsonl": row("gone.png", "7"),
    "none/annotations.jsonl": row("a.png", ""),
    "empty/.keep": "",
  });
  const open = (split: string) => () => new JsonlDataset({ root, split });
  expect(open("train")).toThrow(/annotations line is not JSON.*\n {2}where: .*bad\/train\/annotations\.jsonl:2\n/);
  expect(open("rows")).toThrow(
    /annotations\.jsonl has no column that looks like the image: .*\n {2}where: columns there: suffix/,
  );
  expect(open("gone")).toThrow(/gone\.png does not exist\n {2}where: .*annotations\.jsonl:1/);
  expect(open("none")).toThrow(/none of its 1 row has a usable label/);
  expect(open("empty")).toThrow(/holds no samples: there is no \*\.jsonl file/);
  expect(open("trian")).toThrow(/has no split 'trian'.*\n.*folders there: .*\n {2}fix: did you mean 'train'\?/);
  expect(() => new JsonlDataset({ root: join(root, "nowhere"), split: "train" })).toThrow(
    /data root .*nowhere does not exist/,
  );
  expect(() => new JsonlDataset({ root, split: "gone", onMissing: "skip" })).toThrow(/usable label/);
});

test("an image folder has a class per folder and finds images recursively", async () => {
  const root = await tree("folder", {
    "b/1.png": png(1),
    "b/deep/2.PNG": png(2),
    "a/3.jpg": png(3),
    "a/readme.txt": "x",
    "other/4.png": png(4),
  });
  const dataset = new ImageFolder({ root });
  expect(dataset.classes).toEqual(["a", "b", "other"]);
  expect([...dataset.targets]).toEqual([0, 1, 1, 2]);
  expect([...dataset.classCounts()]).toEqual([1, 2, 1]);
  expect((await dataset.get(0)).image.height).toBe(24);
  const known = new ImageFolder({ root, classToIdx: { a: 0, b: 1 } });
  expect(known.skipped["label unknown to train"]).toBe(1);
  mkdirSync(join(root, "void"));
  expect(() => new ImageFolder({ root })).toThrow("no images were found for the classes void");
});

test("IDX files are read, gzipped or not", async () => {
  const header = (...sizes: number[]) => [0, 0, 8, sizes.length, ...sizes.flatMap((size) => [0, 0, 0, size])];
  const root = await tree("idx", {
    "train-images-idx3-ubyte.gz": gzipSync(
      Uint8Array.from([...header(2, 2, 3), 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ),
    "train-labels-idx1-ubyte": Uint8Array.from([...header(2), 1, 0]),
  });
  const dataset = new IdxDataset({ root, classes: ["coat", "bag"] });
  const { image, label } = await dataset.get(1);
  expect([image.width, image.height, label]).toEqual([3, 2, 0]);
  expect([...image.data.slice(0, 6)]).toEqual([7, 7, 7, 8, 8, 8]);
  expect(() => new IdxDataset({ root, train: false })).toThrow("has no t10k-images-idx3-ubyte");
  expect(() => parseIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 9), "x")).toThrow("0 values instead of 9");
});

test("CSV listings and the Hugging Face layout give the same dataset", async () => {
  const files = { "train/a.png": png(1), "train/b.png": png(2) };
  const root = await tree("listing", {
    ...files,
    "list.csv": 'image,label,split\r\n"train/a.png","7, no",train\r\ntrain/b.png,8,train\r\ntrain/b.png,9,test\r\n',
    "train/metadata.jsonl": '{"file_name": "a.png", "label": "7, no"}\n{"file_name": "b.png", "label": 8}\n',
  });
  const open = async (path: string, split = "train") => (await openData(path)).open(split);
  const csv = await open(join(root, "list.csv"));
  const hf = await open(root);
  expect(csv.paths).toEqual(hf.paths);
  expect([...csv.classToIdx]).toEqual([...hf.classToIdx]);
  expect([...csv.targets]).toEqual([0, 1]);
  const before = process.cwd();
  process.chdir(root);
  for (const dataset of [await open("list.csv"), await open("."), await open(relative(root, join(root, "train")))]) {
    expect(dataset.paths.map((path) => resolve(path))).toEqual(csv.paths);
  }
  process.chdir(before);
  await expect(openData(join(root, "list.csv"), { labelColumn: "lable" })).rejects.toThrow("did you mean 'label'?");
  expect(() => parseCsv("a,b\n1\n", "x.csv")).toThrow(/1 fields, the header has 2\n {2}where: x\.csv:2/);
});

/** Columns image (a/1.jpg, b/2.jpg, a/3.jpg) and label (7, 12, 7), compressed by snappy, as hyparquet-writer writes them. */
const parquet =
  "UEFSMRUGFUYVPlwVBhUAFQYVABUEFQAAAAMHISgHAAAAYS8xLmpwZwELCGIvMhELGGEvMy5qcGcVBhUkFShcFQYVABUGFQAVBBUAAAADBxA8AQAAADcCAAAAMTIBAAAANxUEGTxIBHJvb3QVBAAVDCUCGAVpbWFnZSUAABUMJQIYBWxhYmVsJQAAFgYZHBksJggcFQwZFQAZGAVpbWFnZRUCFgYWcBZoJgg8NgAoB2IvMi5qcGcYB2EvMS5qcGcAGRwVBhUAFQIAAAAmcBwVDBkVABkYBWxhYmVsFQIWBhZOFlImcDw2ACgBNxgCMTIAGRwVBhUAFQIAAAAWvgEWBja6AQAoCWh5cGFycXVldBksHAAAHAAAALcAAABQQVIx";

test("a Parquet listing is read, and a file that is not one is named", async () => {
  const images = { "a/1.jpg": png(1), "b/2.jpg": png(2), "a/3.jpg": png(3) };
  const root = await tree("parquet", {
    ...images,
    "list.parquet": Buffer.from(parquet, "base64"),
    "cut.parquet": Buffer.from(parquet, "base64").subarray(0, 200),
  });
  const listed = await (await openData(join(root, "list.parquet"))).open("train");
  expect(listed.paths).toEqual(Object.keys(images).map((name) => join(root, name)));
  expect([...listed.classToIdx.keys()]).toEqual(["12", "7"]);
  expect([...listed.targets]).toEqual([1, 0, 1]);
  await expect(openData(join(root, "cut.parquet"))).rejects.toThrow(/cut\.parquet is not a Parquet file/);
});

test("a cache in memory is filled by all workers, and has a limit", async () => {
  const root = await tree("cache", { "a/1.png": png(1), "a/2.png": png(2), "b/3.png": png(3) });
  const plain = new ImageFolder({ root });
  const dataset = cached(plain, { type: "ram", maxBytes: 2 * 24 * 24 * 3 + 200 });
  const loader = new DataLoader(dataset, { batchSize: 3, numWorkers: 2, exactWorkers: true });
  for await (using batch of loader) expect(batch.images.shape).toEqual([3, 3, 24, 24]);
  await loader.close();
  if (dataset.source.kind !== "cached" || !dataset.source.ram) throw new TypeError("not a cache in memory");
  expect(ramCacheUse(dataset.source.ram).images).toBe(2);
  for (const index of [0, 1, 2]) expect(await dataset.get(index)).toEqual(await plain.get(index));
});

test("a disk cache is found again until the data change", async () => {
  const root = await tree("disk", { "a/1.png": png(1), "b/2.png": png(2) });
  const folder = join(base, "disk-cache");
  const plain = new ImageFolder({ root });
  const first = cached(plain, { type: "disk", folder });
  const expected = await first.get(1);
  const again = cached(plain, { type: "disk", folder });
  expect(await again.get(1)).toEqual(expected);
  expect(readdirSync(join(folder, dataKey(plain))).filter((name) => name.endsWith(".pack"))).toHaveLength(1);
  const key = dataKey(plain);
  utimesSync(join(root, "a/1.png"), 1, 1);
  expect(dataKey(plain)).not.toBe(key);
});

test("the data check finds duplicates, contradictions, leaks, tiny, corrupt, missing and unlisted files", async () => {
  const root = await tree("check", {
    "train/annotations.jsonl":
      row("7/a.png", "7") + row("7/b.png", "7") + row("8/a.png", "8") + row("7/tiny.png", "7") + row("7/gone.png", "7"),
    "train/7/a.png": png(1),
    "train/8/a.png": png(1),
    "train/7/b.png": png(2),
    "train/7/tiny.png": png(3, 5),
    "train/7/unlisted.png": png(4),
    "valid/annotations.jsonl": row("b.png", "7") + row("bad.png", "9"),
    "valid/b.png": png(2),
    "valid/bad.png": "no image",
  });
  const report = await checkData(root);
  expect(report.contradictions.map(({ labels }) => labels)).toEqual([["7", "8"]]);
  expect(report.exactDuplicates.filter(({ acrossSplits }) => acrossSplits)).toHaveLength(1);
  expect(report.corrupt).toHaveLength(1);
  expect(report.tiny).toHaveLength(1);
  expect(report.missing).toHaveLength(1);
  expect(report.unlisted).toHaveLength(1);
  expect(renderDataReport(report).replaceAll(root, "ROOT")).toMatchInlineSnapshot(`
    "Data check of ROOT

    train: 4 images in 2 classes, 1 to 3 images each
    valid: 2 images in 2 classes, 1 to 1 images each
      not among the training classes: 9

    Contradictory labels (the same image under several): 1
      train/7/a.png (7) = train/8/a.png (8)

    Equal images in different splits (leaks): 1
      train/7/b.png (7) = valid/b.png (7)

    Corrupt files: 1
      valid/bad.png cannot be decoded: it is not an image of a known format

    Files that the annotations name but do not exist: 1
      train/7/gone.png, train/annotations.jsonl:5

    Image files that no annotation names: 1
      train/7/unlisted.png

    Tiny images (a side shorter than 16 pixels): 1
      train/7/tiny.png is 5x5

    Equal images within a split: 1
      train/7/a.png (7) = train/8/a.png (8)

    To look at first: 2 files cannot be read; 1 image with contradictory labels; 1 image in more than one split; 1 image that no annotation names.
    "
  `);
});
