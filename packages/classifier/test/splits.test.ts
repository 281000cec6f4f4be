import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Rng } from "@classifier-training/base";
import { readPredictions, readSplitRecord, type SplitRecord } from "@classifier-training/runs";
import sharp from "sharp";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { ImageFolderDataModule } from "../src/data/image-folder-datamodule.ts";
import { quick, start } from "./cli.ts";
import { type InProcessResult, inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 120_000 });

const dir = mkdtempSync(join(tmpdir(), "a b ü "));
const classes = ["cat", "dog", "ü"];
beforeEach(() => void vi.stubEnv("XDG_CACHE_HOME", join(dir, "cache")));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

/** A photo of smooth spots, unlike any other. */
async function photo(path: string): Promise<void> {
  const random = Rng.at(path);
  const spots = Uint8Array.from({ length: 6 * 6 * 3 }, () => random.integer(256));
  await sharp(spots, { raw: { width: 6, height: 6, channels: 3 } })
    .resize(40, 40)
    .jpeg()
    .toFile(join(dir, path));
}

beforeAll(async () => {
  for (const name of classes) {
    mkdirSync(join(dir, "photos", name), { recursive: true });
    for (let i = 0; i < 12; i++) await photo(`photos/${name}/${i}.jpg`);
  }
});

const small = [
  ...quick.filter((override) => !override.startsWith("data.data_root")),
  ...["data.data_root=photos", "model.width=8", "model.stem=small", "trainer.max_epochs=1"],
  ...["callbacks.grad_cam=null", "callbacks.sample_visualization=null", "callbacks.onnx_export=null"],
];
const train = (...overrides: string[]): Promise<InProcessResult> => inProcess(["train", ...small, ...overrides], dir);
const recordOf = (run: string) => readSplitRecord(join(dir, run, "split.json"));
const on = ({ samples }: SplitRecord, side: string) =>
  samples.filter(({ split }) => split === side).map(({ path }) => path);
const rowsOf = (file: string) => readPredictions(join(dir, file)).map(({ row }) => row);

test("a split is recorded, later commands measure on it though the folder has changed, and a resumed run says what changed", async () => {
  const first = await train("data.val_fraction=0.25", "hydra.run.dir=outputs/first");
  expect(first.code, first.stderr).toBe(0);
  expect(first.stderr).toContain("split: 27 train, 9 valid, by class and content");
  const record = recordOf("outputs/first");
  for (const name of classes) expect(on(record, "val").filter((path) => path.startsWith(`${name}/`))).toHaveLength(3);

  await photo("photos/cat/new.jpg");
  const measured = await inProcess(["validate", "outputs/first", "hydra.run.dir=outputs/measured"], dir);
  expect(measured.code, measured.stderr).toBe(0);
  expect(measured.stdout).toContain("1 image that the recorded split does not know: not used");
  const samples = rowsOf("outputs/measured/validate/predictions.csv").map(({ sample }) => sample);
  expect(samples.sort()).toEqual(
    on(record, "val")
      .map((path) => `photos/${path}`)
      .sort(),
  );

  const evaluated = await inProcess(["evaluate", "outputs/first", "--data", "photos"], dir);
  expect(evaluated.code, evaluated.text).toBe(0);
  expect(evaluated.text).toContain("Evaluation on valid: 9 images");

  // Other photos are all for measuring; a split that is there needs no training images beside it.
  for (const name of classes) {
    mkdirSync(join(dir, "others/test", name), { recursive: true });
    for (let i = 0; i < 4; i++) await photo(`others/test/${name}/other ${i}.jpg`);
  }
  for (const [data, ...more] of [["others/test"], ["others", "--split", "test"]] as const) {
    const other = await inProcess(["evaluate", "outputs/first", "--data", data, ...more], dir);
    expect(other.code, other.text).toBe(0);
    expect(other.text).toMatch(/Evaluation on \w+: 12 images/);
    expect(other.text.includes("none of the images that the run has split, so all of them")).toBe(more.length === 0);
  }

  const stats = await inProcess(["data", "stats", "photos", "data.val_fraction=0.25"], dir);
  expect(stats.text).toContain("split: 28 train, 9 valid, by class and content\n");
  expect(stats.text).toMatch(/^│ cat +│ +10 │ +\S+ │ +3 │/m);
  const checked = await inProcess(["data", "check", "photos", "data.folds=3", "data.fold=2", "--limit", "1"], dir);
  expect(checked.text).toMatch(/^valid: 12 images in 3 classes[\s\S]*^fold 2 of 3: 25 train, 12 valid/m);
  const refused = await inProcess(["data", "check", "photos", "data.folds=30"], dir);
  expect(refused.text).toMatch(/Training cannot read valid: .*too few images for 30 folds/);
  expect(refused.code).toBe(2);
  for (const [word, sentence] of [
    ["data.fold_count=3", "unknown option 'fold_count'"],
    ["model=resnet18", "expected overrides of data, such as data.val_fraction=0.1; received model=resnet18"],
    ["data.folds=2,3", "expected data.KEY=VALUE, received data.folds=2,3"],
  ] as const)
    expect(await inProcess(["data", "stats", "photos", word], dir)).toMatchObject({
      code: 1,
      text: expect.stringContaining(sentence),
    });

  const again = await train("data.val_fraction=0.25", "hydra.run.dir=outputs/again");
  expect(again.stderr).toMatch(/holds another experiment, run .*trainSamples was 27 and is 28/);
  rmSync(join(dir, "photos/cat/new.jpg"));
  const now = recordOf("outputs/again").samples.filter(({ path }) => path !== "cat/new.jpg");
  const moved = now.filter(({ path, split }) => on(record, "val").includes(path) !== (split === "val"));
  expect(moved.length).toBeLessThanOrEqual(1);
});

test("a sweep over folds that was killed continues, and its pooled predictions are one accuracy", async () => {
  const sweep = ["-m", ...small, "data.folds=2", "data.fold=range(2)", "hydra.sweep.dir=outputs/sweep"];
  const folds = (...args: string[]) => inProcess(["evaluate", "--folds", ...args], dir);
  const killed = start(["train", ...sweep], dir);
  while (!existsSync(join(dir, "outputs/sweep/1/split.json"))) await setTimeout(20);
  killed.process.kill("SIGKILL");
  await killed.done;
  expect(await folds("outputs/sweep")).toMatchObject({
    code: 1,
    text: expect.stringMatching(/fold 1 of 2 missing[\s\S]*outputs\/sweep\/1 \(lost\)[\s\S]*hydra\.sweep\.dir/),
  });
  const finished = await inProcess(["train", ...sweep], dir);
  expect(finished.code, finished.stderr).toBe(0);
  expect(finished.stdout).toMatch(/^All folds as one result.*:\n {2}classifier evaluate --folds outputs\/sweep$/m);
  for (const line of finished.stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  const pooled = await folds("outputs/sweep");
  expect(pooled.code, pooled.text).toBe(0);
  const rows = [0, 1].flatMap((fold) => {
    const own = rowsOf(`outputs/sweep/${fold}/predictions.csv`);
    expect(own.map(({ sample }) => sample).sort()).toEqual(
      on(recordOf(`outputs/sweep/${fold}`), "val")
        .map((path) => `photos/${path}`)
        .sort(),
    );
    return own;
  });
  const right = rows.filter((row) => row.true === row.predicted).length;
  expect(new Set(rows.map(({ sample }) => sample)).size).toBe(36);
  expect(pooled.text).toContain(`${((100 * right) / 36).toFixed(1)}% (${right} of 36; 95% interval`);
  expect(rowsOf("outputs/sweep/predictions.csv")).toEqual(rows);
  expect(rowsOf("outputs/sweep/misclassified.csv")).toHaveLength(36 - right);

  cpSync(join(dir, "outputs/sweep/1"), join(dir, "outputs/copy"), { recursive: true });
  expect((await folds("outputs/sweep", "outputs/copy")).text).toMatch(
    /two runs were validated on fold 1[\s\S]*outputs\/copy/,
  );
  expect((await folds("outputs/sweep/0")).text).toMatch(/fold 1 of 2 missing[\s\S]*data\.folds=2 data\.fold=1/);
  expect((await folds("outputs/sweep/0", "outputs/first")).text).toMatch(
    /the run was not trained on folds[\s\S]*outputs\/first/,
  );
  const split = join(dir, "outputs/copy/split.json");
  writeFileSync(split, readFileSync(split, "utf8").replace('"fold":0', '"fold":1'));
  expect((await folds("outputs/sweep/0", "outputs/copy")).text).toMatch(
    /the runs are of other folds: 1 image of 36 not in the same ones/,
  );
});

test("a sweep over seeds ends with their spread, and evaluates to the same", async () => {
  const sweep = ["data.val_fraction=0.25", "seed=1,2,3", "hydra.sweep.dir=outputs/seeds"];
  const trained = await inProcess(["train", "-m", ...small, ...sweep], dir);
  expect(trained.code, trained.stderr).toBe(0);
  const values = [0, 1, 2].map((job) => {
    const rows = rowsOf(`outputs/seeds/${job}/predictions.csv`);
    return rows.filter((row) => row.true === row.predicted).length / rows.length;
  });
  const mean = values.reduce((a, b) => a + b, 0) / 3;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 2);
  const line = `mean ${(100 * mean).toFixed(1)}%, standard deviation ${(100 * deviation).toFixed(1)}%`;
  expect(trained.stdout).toContain(`3 seeds:\n  ${line}\n  95% interval of the mean `);
  expect(trained.stdout).toMatch(/^ {2}classifier evaluate --seeds outputs\/seeds$/m);
  const evaluated = await inProcess(["evaluate", "--seeds", "outputs/seeds", "--json", "seeds.json"], dir);
  expect(evaluated.code, evaluated.text).toBe(0);
  expect(evaluated.stdout).toContain(`accuracy of 3 trainings that differ in their seeds, on 9 images`);
  expect(evaluated.stdout).toContain(line);
  const { runs } = JSON.parse(readFileSync(join(dir, "seeds.json"), "utf8"));
  expect(runs.map(({ value }: { value: number }) => value)).toEqual(values);
  const onData = await inProcess(["evaluate", "--seeds", "outputs/seeds", "--data", "photos"], dir);
  expect(onData.code, onData.text).toBe(0);
  expect(onData.stdout).toContain("3 trainings that differ in their seeds, on 9 images");

  const other = await train("data.val_fraction=0.25", "model.width=16", "hydra.run.dir=outputs/wide", "resume=false");
  expect(other.code, other.stderr).toBe(0);
  expect(await inProcess(["evaluate", "--seeds", "outputs/seeds/0", "outputs/wide"], dir)).toMatchObject({
    code: 1,
    text: expect.stringMatching(/differ in more than the seed: .*model\.width[\s\S]*outputs\/wide/),
  });
  expect((await inProcess(["evaluate", "--seeds", "outputs/wide"], dir)).text).toMatch(
    /expected two or more runs, received 1[\s\S]*seed=1,2,3,4,5/,
  );
});

test.each([
  [
    { valFraction: 0.2 },
    "valid",
    /val_fraction=0\.2, and .* has a validation split[\s\S]*leave out data\.val_fraction/,
  ],
  [{ valFraction: 0.2, testFraction: 0.8 }, "", /leave no training images/],
  [{ folds: 5, valFraction: 0.2 }, "", /val_fraction=0\.2 and folds=5 exclude each other/],
  [{ folds: 5, fold: 5 }, "", /fold=5 of folds=5: expected 0 to 4/],
  [{ fold: 1 }, "", /fold=1, and folds is not set/],
  [{ folds: 20 }, "", /too few images for 20 folds: of 36 images, the largest class has 12/],
  [{ folds: 3, group: "player" }, "", /no image has 'player' in its metadata/],
  [{}, "", /has no split 'valid'[\s\S]*data\.val_fraction=0\.2/],
] as const)("%o %s is a sentence", async (options, folder, sentence) => {
  const root = join(dir, folder === "" ? "photos" : "with splits");
  if (folder !== "" && !existsSync(root))
    for (const name of ["train", folder]) cpSync(join(dir, "photos"), join(root, name), { recursive: true });
  const data = new ImageFolderDataModule({ dataRoot: root, numWorkers: 0, imageSize: 16, ...options });
  await expect(data.setup("fit")).rejects.toThrow(sentence);
});

test("what one module has opened is not opened again, split as it was or in another way", async () => {
  const list = join(dir, "once.csv");
  const rows = classes.flatMap((name) =>
    Array.from({ length: 12 }, (_, i) => `photos/${name}/${i}.jpg,${name},${i % 4}`),
  );
  writeFileSync(list, `image,label,kind\n${rows.join("\n")}\n`);
  const options = { dataRoot: list, numWorkers: 0, imageSize: 16 };
  const first = new ImageFolderDataModule({ ...options, valFraction: "auto" });
  expect(await first.describeTraining()).toMatchObject({ samples: 29, validationSamples: 7, classes: 3 });
  rmSync(list);
  const after = async (more: Partial<ConstructorParameters<typeof ImageFolderDataModule>[0]>) => {
    const data = new ImageFolderDataModule({ ...options, ...more });
    data.shareOpened(first);
    await data.setup("fit");
    return [data.samples("train").length, data.samples("val").length];
  };
  expect(await after({ valFraction: "auto", imageSize: 24 })).toEqual([29, 7]);
  expect(await after({ folds: 3, fold: 1 })).toEqual([24, 12]);
  await expect(after({ valFraction: "auto", labelColumn: "kind" })).rejects.toThrow("does not exist");
});

test("folds are of the training images, and a validation split of the data is left alone", async () => {
  const root = join(dir, "with both");
  for (const name of ["train", "val"]) cpSync(join(dir, "photos"), join(root, name), { recursive: true });
  const data = new ImageFolderDataModule({ dataRoot: root, numWorkers: 0, imageSize: 16, folds: 3, fold: 1 });
  await data.setup("fit");
  expect([data.samples("train").length, data.samples("val").length]).toEqual([24, 12]);
  expect(data.samples("val").every(({ path }) => path.includes("with both/train/"))).toBe(true);
  const auto = new ImageFolderDataModule({ dataRoot: root, numWorkers: 0, imageSize: 16, valFraction: "auto" });
  await auto.setup("fit");
  expect([auto.samples("train").length, auto.samples("val").length, auto.splitRecord]).toEqual([36, 36, undefined]);
});

test("with val_from=train a part of the training images validates, and the validation split of the data is tested on", async () => {
  const root = join(dir, "published");
  for (const name of ["train", "valid"]) cpSync(join(dir, "photos"), join(root, name), { recursive: true });
  for (const name of classes) {
    for (let i = 0; i < 12; i++) {
      rmSync(join(root, "valid", name, `${i}.jpg`));
      await photo(`published/valid/${name}/${i}.jpg`);
    }
  }
  const data = ["data.data_root=published", "data.val_from=train"];
  const trained = await train(...data, "hydra.run.dir=outputs/published");
  expect(trained.code, trained.stderr).toBe(0);
  expect(trained.stderr).toContain("the validation split of the data is the test split: data.val_from=train");
  expect(trained.stdout).toMatch(/^ {2}classifier test outputs\/published$/m);
  const record = recordOf("outputs/published");
  expect(record.by).toMatchObject({ valFrom: "train", valFraction: 0.2 });
  expect([on(record, "train").length, on(record, "val").length]).toEqual([29, 7]);
  const validated = rowsOf("outputs/published/predictions.csv").map(({ sample }) => sample);
  expect(validated.every((sample) => sample.startsWith("published/train/"))).toBe(true);

  const tested = await inProcess(["test", "outputs/published", "hydra.run.dir=outputs/tested"], dir);
  expect(tested.code, tested.stderr).toBe(0);
  const samples = rowsOf("outputs/tested/test/predictions.csv").map(({ sample }) => sample);
  expect(samples).toHaveLength(36);
  expect(samples.every((sample) => sample.startsWith("published/valid/"))).toBe(true);
  for (const split of ["valid", "test"]) {
    const evaluated = await inProcess(["evaluate", "outputs/published", "--data", "published", "--split", split], dir);
    expect(evaluated.code, evaluated.text).toBe(0);
    expect(evaluated.text).toContain(`Evaluation on ${split}: 36 images`);
  }

  const checked = await inProcess(["data", "check", "published", "data.val_from=train", "--limit", "1"], dir);
  expect(checked.text).toMatch(/^valid: 7 images in 3 classes[\s\S]*^test: 36 images in 3 classes/m);
  const folds = await inProcess(["data", "stats", "published", "data.val_from=train", "data.folds=3"], dir);
  expect(folds.text).toMatch(/fold 0 of 3: 24 train, 12 valid/);
  cpSync(join(root, "valid"), join(root, "test"), { recursive: true });
  const both = await inProcess(["data", "stats", "published", "data.val_from=train"], dir);
  expect(both.text).toContain("the validation split of the data is not used: data.val_from=train, and there is a test");
});
