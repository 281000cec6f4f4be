import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseCsv } from "@classifier-training/base";
import { OnnxClassifier } from "@classifier-training/inference";
import { readLabelsMapping, readPredictions } from "@classifier-training/runs";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quick, workspace } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 180_000 });

let dir: string;
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A frame is one image, degraded: what cameras do to a track. */
const ways: readonly (readonly [name: string, (image: Sharp) => Sharp | Promise<Sharp>])[] = [
  ["plain", (image) => image],
  ["blur", (image) => image.blur(1.2)],
  ["small", (image) => image.resize({ height: 20 })],
  ["noise", async (image) => image.composite([{ input: await noise(), blend: "soft-light" }])],
  ["jpeg", async (image) => sharp(await image.jpeg({ quality: 10 }).toBuffer())],
];

const noise = () =>
  sharp({
    create: { width: 8, height: 8, channels: 3, background: "#888", noise: { type: "gaussian", mean: 128, sigma: 60 } },
  })
    .png()
    .toBuffer();

/** Two tracks more than these have frames of two numbers. */
const tracks = 12;

beforeAll(async () => {
  const made = await workspace(["1", "7", "23"], { train: 24, valid: 4 });
  dir = join(made.dir, "..", `a b ü ${made.dir.split("-").at(-1)}`);
  renameSync(made.dir, dir);
  const rows = readFileSync(join(dir, "data/valid/annotations.jsonl"), "utf8").trim().split("\n");
  const [annotations, list]: string[][] = [[], ["crop,track"]];
  mkdirSync(join(dir, "tracks/test"), { recursive: true });
  for (const [track, row] of rows.map((line) => JSON.parse(line) as { image: string; suffix: string }).entries()) {
    const bytes = readFileSync(join(dir, "data/valid", row.image));
    for (const [way, degrade] of ways) {
      const image = `track_${track}_${way}.png`;
      await (await degrade(sharp(bytes))).png().toFile(join(dir, "tracks/test", image));
      annotations?.push(
        JSON.stringify({ image, suffix: row.suffix, metadata: { track, team: track % 2 ? "red" : "blue" } }),
      );
      list?.push(`test/${image},${track}`);
    }
  }
  writeFileSync(join(dir, "tracks/test/annotations.jsonl"), annotations?.join("\n") ?? "");
  writeFileSync(join(dir, "tracks/frames.csv"), list?.join("\n") ?? "");
  const trained = await inProcess(
    [
      ...[
        "train",
        ...quick,
        "model.stem=small",
        "trainer.max_epochs=8",
        "optimizer=adamw",
        "model.learning_rate=0.002",
      ],
      ...["callbacks.ema.decay=0.8", "hydra.run.dir=outputs/run", "transforms=demo"],
      ...["callbacks.grad_cam=null", "callbacks.sample_visualization=null"],
    ],
    dir,
  );
  expect(trained.code, trained.stderr).toBe(0);
  expect(trained.stdout).toMatch(/^calibration +temperature [\d.]+: error \(ECE\) 0\.\d{3}, without it 0\.\d{3}$/m);
});

const read = (file: string) => JSON.parse(readFileSync(join(dir, file), "utf8"));

test("tracks are evaluated by the common answer of their frames, beside the frames and slices", async () => {
  const result = await inProcess(
    [
      ...["evaluate", "outputs/run", "--data", "tracks", "--split", "test", "--group-by", "track"],
      ...["--slices", "height,metadata.team", "--json", "out.json", "--csv", "out.csv"],
    ],
    dir,
  );
  expect(result.code, result.text).toBe(0);
  for (const line of result.stdout.split("\n")) expect(line.length, line).toBeLessThanOrEqual(80);
  const { images, evaluations } = read("out.json");
  const [{ grouped, correct, refusals, top1 }] = evaluations;
  expect(grouped.groups).toHaveLength(tracks);
  expect([grouped.accuracy.n, grouped.images.n, grouped.ungrouped]).toEqual([tracks, 60, 0]);
  expect(grouped.images.successes).toBe(correct.filter(Boolean).length);
  expect(result.stdout).toContain(`groups: ${(100 * grouped.accuracy.value).toFixed(1)}% (`);
  expect(refusals.map((one: { refused: number; accuracy: { n: number } }) => [one.refused, one.accuracy.n])).toEqual([
    [0, 60],
    [3, 57],
    [6, 54],
  ]);
  expect(result.stdout).toMatch(/^\| metadata\.team \| blue +\| +30 \|/m);
  expect(result.stdout).toMatch(/^\| height +\| 20 +\| +12 \|/m);

  const classifier = await OnnxClassifier.load(join(dir, "outputs/run"));
  const rows = readPredictions(join(dir, "out.csv")).map(({ row }) => row);
  for (const { group, predicted, confidence } of grouped.groups) {
    const own = images.filter((image: { group: string }) => image.group === group);
    const [best] = await classifier.predictTogether(own.map(({ path }: { path: string }) => join(dir, path)));
    expect([best?.label, best?.probability.toFixed(4)]).toEqual([predicted, confidence.toFixed(4)]);
    const inTable = rows.filter((row) => row.group === group);
    expect(inTable.map((row) => [row.true, row.group_predicted])).toEqual(
      own.map(({ label }: { label: string }) => [label, predicted]),
    );
  }
  await classifier.close();
  const again = await inProcess(["evaluate", "out.csv"], dir);
  expect(again.stdout).toContain(`top-1 ${(100 * top1.value).toFixed(1)}%`);
});

test("tracks of several labels are errors that are not counted; images without one are groups of their own", async () => {
  const file = join(dir, "tracks/test/annotations.jsonl");
  const before = readFileSync(file, "utf8");
  const rows = before.split("\n").map((line) => JSON.parse(line));
  const other = rows.find(({ suffix }) => suffix !== rows[0].suffix);
  other.metadata.track = 0;
  delete rows[1].metadata.track;
  writeFileSync(file, rows.map((row) => JSON.stringify(row)).join("\n"));
  const result = await inProcess(
    ["evaluate", "outputs/run", "--data", "tracks", "--split", "test", "--group-by", "metadata.track"],
    dir,
  );
  writeFileSync(file, before);
  expect(result.code, result.text).toBe(1);
  const text = result.stdout.replaceAll(/\s+/g, " ");
  expect(text).toMatch(/- error: 0: its 5 images have 2 labels \(\w+, \w+\): not counted/);
  expect(text).toContain("1 image without a group, each one of its own");
  expect(text).toMatch(/groups: \S+% \(\d+ of 12;/);
});

test("predict votes by a column of a list or a pattern of paths, and calls the least confident unreadable", async () => {
  const args = ["predict", "outputs/run", "tracks/frames.csv", "--image-column", "crop", "--refuse", "0.3"];
  const lines = await inProcess([...args, "--group-by", "track"], dir);
  expect(lines.code, lines.text).toBe(0);
  expect(lines.stdout).toMatch(/^by track:$/m);
  expect(lines.stdout).toMatch(/^11 \(5 images\) +(unreadable +)?\d+ +\d+\.\d%/m);
  const json = (await inProcess([...args, "--group-by", "track", "--json"], dir)).stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const [images, groups] = [json.filter(({ path }) => path), json.filter(({ path }) => !path)];
  expect([images.length, groups.length]).toEqual([60, tracks]);
  const { calibration } = readLabelsMapping(join(dir, "outputs/run/labels_mapping.json"));
  const least = calibration?.confidence_quantiles[30] as number;
  for (const { predictions, unreadable } of images) expect(unreadable).toBe(predictions[0].probability < least);
  expect(new Set(images.map(({ unreadable }) => unreadable)).size).toBe(2);

  const csv = await inProcess(["predict", "outputs/run", "tracks/test", "--group-by", "track_(\\d+)", "--csv"], dir);
  const table = parseCsv(csv.stdout, "csv").map(({ values }) => values);
  expect(table).toHaveLength(60);
  for (const { path = "", predicted, group, group_predicted: voted } of table) {
    expect(group).toBe(/track_(\d+)/.exec(path)?.[1]);
    const image = images.find((one) => one.path === path);
    expect([predicted, voted]).toEqual([
      image.predictions[0].label,
      groups.find((one) => one.group === group).predictions[0].label,
    ]);
  }
});

test("what a bundle refuses is stored in it; a model that was not calibrated says so", async () => {
  const exported = await inProcess(
    ["export", "outputs/run", "--data", "data", "--out", "bundle", "--refuse", "0.3"],
    dir,
  );
  expect(exported.code, exported.text).toBe(0);
  expect(readLabelsMapping(join(dir, "bundle/labels_mapping.json")).refuse).toBe(0.3);
  const stored = await inProcess(["predict", "bundle", "tracks/test"], dir);
  const given = await inProcess(["predict", "outputs/run", "tracks/test", "--refuse", "0.3"], dir);
  expect(stored.stdout).toBe(given.stdout);
  expect(stored.stdout).toContain("unreadable");
  expect((await inProcess(["predict", "bundle", "tracks/test", "--refuse", "0"], dir)).stdout).not.toContain("unread");
  const evaluated = await inProcess(["evaluate", "bundle", "--data", "tracks", "--split", "test"], dir);
  expect(evaluated.stdout).toMatch(/^\| as stored \(30%\) \| +\d+ \|/m);

  const { calibration: _, refuse: __, ...older } = readLabelsMapping(join(dir, "bundle/labels_mapping.json"));
  writeFileSync(join(dir, "bundle/labels_mapping.json"), JSON.stringify(older));
  expect((await inProcess(["predict", "bundle", "tracks/test"], dir)).code).toBe(0);
  const refused = await inProcess(["predict", "bundle", "tracks/test", "--refuse", "0.1"], dir);
  expect(refused).toMatchObject({ code: 1, text: expect.stringContaining("was not calibrated on validation") });
});

test.each([
  [["evaluate", "outputs/run", "--group-by", "trak"], "did you mean 'track'?"],
  [["evaluate", "outputs/run", "--slices", "heigth"], "did you mean 'height'?"],
  [["evaluate", "outputs/run", "--slices", "height,"], "expected names with commas between them"],
  [["predict", "outputs/run", "tracks/frames.csv"], "--image-column"],
  [["predict", "outputs/run", "tracks/test", "--group-by", "track"], "regular expression"],
  [["predict", "outputs/run", "tracks/test", "--refuse", "5"], "expected a fraction: 0 or more, and less than 1"],
])("%j is a sentence", async (args, sentence) => {
  const data = args[0] === "evaluate" ? ["--data", "tracks", "--split", "test"] : [];
  const result = await inProcess([...args, ...data], dir);
  expect([result.code, result.text]).toEqual([1, expect.stringContaining(sentence)]);
});
