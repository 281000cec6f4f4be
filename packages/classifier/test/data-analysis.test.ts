import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "@classifier-training/base";
import { byteImage, encodePng } from "@classifier-training/image";
import { readDataAnalysis, runPaths } from "@classifier-training/runs";
import { EditLog } from "@classifier-training/vision";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { start } from "./cli.ts";
import { inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const dir = mkdtempSync(join(tmpdir(), "analysis a b ü"));
const data = "my photos";
const colors = { blue: [40, 60, 200], green: [40, 190, 60], red: [200, 50, 50] } as const;
type Color = keyof typeof colors;
const names = Object.keys(colors) as Color[];
/** Of a color that its folder does not name. */
const planted = ["blue/3.png", "red/7.png", "green/11.png"];
let folds = "";

/** A noisy area of a color. */
async function image(color: Color, ...key: (string | number)[]): Promise<Uint8Array> {
  const rng = Rng.at("analysis", ...key);
  const tone = 30 * rng.normal();
  const pixels = Uint8Array.from({ length: 24 * 24 * 3 }, (_, i) =>
    Math.max(0, Math.min(255, (colors[color][i % 3] ?? 0) + tone + 40 * rng.normal())),
  );
  return encodePng(byteImage(pixels, 24, 24));
}

/** Two networks, each trained on a half: the first is trained by a command that is killed. */
beforeAll(async () => {
  vi.stubEnv("XDG_CACHE_HOME", join(dir, "cache"));
  vi.stubEnv("OMP_NUM_THREADS", "1");
  for (const [k, name] of names.entries()) {
    mkdirSync(join(dir, data, name), { recursive: true });
    for (let i = 0; i < 24; i++) {
      const isPlanted = planted.includes(`${name}/${i}.png`);
      const color = isPlanted ? (names[(k + 1) % 3] as Color) : name;
      writeFileSync(join(dir, data, name, `${i}.png`), await image(color, name, i));
    }
  }
  const first = start(["data", "suspects", data, ...training], dir);
  const foldsFolder = () => join(dir, "cache/classifier-training/folds");
  const isTrained = (fold: number) => {
    const [key = ""] = existsSync(foldsFolder()) ? readdirSync(foldsFolder()) : [];
    folds = join(foldsFolder(), key);
    const record = join(folds, `fold_${fold}`, runPaths.record);
    return existsSync(record) && readFileSync(record, "utf8").includes('"success"');
  };
  let output = "";
  first.process.stderr?.on("data", (chunk) => {
    output += chunk;
  });
  while (!isTrained(0)) {
    if (first.process.exitCode !== null) throw new Error(output);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  first.process.kill("SIGTERM");
  await first.done;
});

afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

const training = [
  ...["--folds", "2", "trainer.max_epochs=6", "model=resnet18", "model.width=16", "model.stem=small"],
  ...["data.image_size=24", "data.batch_size=8", "data.num_workers=0", "trainer.precision=32-true"],
  ...["callbacks.best_weights=null", "model.learning_rate=0.002", "callbacks.ema=null"],
];

const command = (name: string, ...args: string[]) => inProcess(["data", name, data, ...args], dir);
const withFolds = () => ["--model", folds];

test("a killed command resumes its folds, planted label errors come first, and the next call trains nothing", async () => {
  const { code, text, stdout } = await command("suspects", ...training, "--json", "suspects.json", "--csv", "s.csv");
  expect(code, text).toBe(0);
  expect(text).toMatch(/training 1 network on folds of the images, in [\s\S]+the same command resumes/);
  expect(stdout).toContain("72 images, each judged by those of 2 runs that were not trained on it");
  for (const line of stdout.split("\n").filter((one) => /[│┌]/.test(one))) expect(line.length).toBeLessThanOrEqual(80);
  const { suspects, judges } = readDataAnalysis(join(dir, "suspects.json"), "suspects");
  expect(
    suspects
      .slice(0, 3)
      .map(({ sample }) => sample)
      .sort(),
  ).toEqual([...planted].sort());
  expect(suspects[0]).toMatchObject({ isConfident: true });
  expect(judges).toMatchObject({ by: "folds", images: 72, leftOut: 0 });
  expect(readFileSync(join(dir, "s.csv"), "utf8").trim().split("\n")).toHaveLength(suspects.length + 1);
  const again = await command("suspects", ...training, "--json", "again.json");
  expect(again.text).toContain("using 2 networks of folds in ");
  expect(readDataAnalysis(join(dir, "again.json"), "suspects").suspects).toEqual(suspects);
});

test("one run judges what it has not seen, and says how all images are; a damaged cache is built anew", async () => {
  const run = join(folds, "fold_0");
  const cache = join(dir, "cache/classifier-training/features");
  const before = await command("suspects", "--model", run, "--json", "one.json");
  expect(before.code, before.text).toBe(0);
  expect(before.stdout).toMatch(/^36 images, judged by a run that was not trained on them; 36 others left out/);
  expect(before.stdout).toContain('classifier train -m "my photos" data.folds=5 data.fold=0,1,2,3,4');
  const suspects = readDataAnalysis(join(dir, "one.json"), "suspects");
  const held = JSON.parse(readFileSync(join(run, runPaths.split), "utf8")).samples.filter(
    ({ split }: { split: string }) => split === "val",
  );
  const paths = held.map(({ path }: { path: string }) => path);
  for (const { sample } of suspects.suspects) expect(paths).toContain(sample);
  const files = readdirSync(cache);
  expect(files).toHaveLength(2);
  const [whole] = files.map((name) => readFileSync(join(cache, name)));
  for (const name of files) writeFileSync(join(cache, name), readFileSync(join(cache, name)).subarray(0, 900));
  expect((await command("suspects", "--model", run, "--json", "one.json")).stdout).toBe(before.stdout);
  expect(readDataAnalysis(join(dir, "one.json"), "suspects")).toEqual(suspects);
  expect(files.some((name) => readFileSync(join(cache, name)).length === whole?.length)).toBe(true);
});

test("a confirmed label is suspected no more", async () => {
  const copy = join(dir, "confirmed");
  cpSync(join(dir, data), copy, { recursive: true });
  const [sample = ""] = planted;
  EditLog.open(copy).append({ op: "confirm", images: [sample] });
  const { code, text } = await inProcess(["data", "suspects", copy, ...withFolds(), "--json", "c.json"], dir);
  expect(code, text).toBe(0);
  const found = readDataAnalysis(join(dir, "c.json"), "suspects").suspects.map((suspect) => suspect.sample);
  expect(found).toContain(planted[1]);
  expect(found).not.toContain(sample);
});

test("a learning curve of what the networks have not seen", async () => {
  const { code, text, stdout } = await command("learning-curve", ...withFolds(), "--json", "curve.json");
  expect(code, text).toBe(0);
  expect(stdout).toMatch(/linear model on the features of a network that was trained on 36 other images/);
  expect(stdout).toMatch(/100 more images than 36: \d+\.\d% -> \d+\.\d% \(/);
  const { points, curve, forecasts, classes } = readDataAnalysis(join(dir, "curve.json"), "learningCurve");
  expect(points.map(({ images }) => images)).toEqual([3, 6, 10, 17, 29]);
  expect(forecasts.map(({ more }) => more)).toEqual([0, 100, 36, 324]);
  expect(classes.map(({ name }) => name).sort()).toEqual(names);
  for (const { low, value, high } of [...points, ...curve]) expect(low <= value && value <= high).toBe(true);
});

test("what to label next: uncertain images that differ, without a model different ones", async () => {
  const folder = join(dir, "unlabeled ü");
  mkdirSync(join(folder, "deep"), { recursive: true });
  for (let i = 0; i < 12; i++) writeFileSync(join(folder, `${i}.png`), await image(names[i % 3] as Color, "next", i));
  // Of no class.
  const gray = Uint8Array.from({ length: 24 * 24 * 3 }, (_, i) => (i % 3 === 0 ? 130 : 120));
  writeFileSync(join(folder, "deep/gray.png"), await encodePng(byteImage(gray, 24, 24)));
  const args = ["--images", folder, "--count", "4", "--json", "next.json"];
  const known = await command("next", ...args, ...withFolds());
  expect(known.code, known.text).toBe(0);
  expect(known.stdout).toMatch(/^4 images of 13 without a label: uncertain and different/);
  const next = readDataAnalysis(join(dir, "next.json"), "next");
  const uncertainties = next.images.map(({ uncertainty }) => uncertainty ?? 0);
  expect(uncertainties).toEqual([...uncertainties].sort((a, b) => b - a));
  for (const { suggested } of next.images) expect(names).toContain(suggested);
  expect(next.root).toBe(folder);
  const plain = await command("next", ...args);
  expect(plain.stdout).toContain("by thumbnails of 8 x 8 pixels: --model RUN also finds the uncertain ones");
  const different = readDataAnalysis(join(dir, "next.json"), "next");
  expect(different.judges.by).toBe("thumbnails");
  // One of each color, and the gray one.
  expect(new Set(different.images.map(({ sample }) => sample))).toContain("deep/gray.png");
  const seen = different.images.flatMap(({ sample }) => (/^\d/.test(sample) ? [Number.parseInt(sample, 10) % 3] : []));
  expect(new Set(seen).size).toBe(3);
  const none = await command("next");
  expect(none.code).toBe(1);
  expect(none.text).toMatch(/there is no image without a label[\s\S]*--images FOLDER/);
});

test("a map has similar images near each other, and the run keeps it", async () => {
  const run = join(folds, "fold_1");
  const { code, text, stdout } = await command("map", "--model", run);
  expect(code, text).toBe(0);
  expect(stdout).toMatch(/36 points by PCA to 50 dimensions, then exact t-SNE/);
  const { points } = readDataAnalysis(join(run, runPaths.embeddingsMap), "map");
  const right = points.filter(({ sample }) => !planted.includes(sample));
  const distance = (a: (typeof points)[number], b: (typeof points)[number]) => Math.hypot(a.x - b.x, a.y - b.y);
  const nearest = right.map(
    (one) => right.filter((p) => p !== one).sort((a, b) => distance(one, a) - distance(one, b))[0],
  );
  expect(nearest.filter((other, i) => other?.label === right[i]?.label).length).toBeGreaterThan(0.85 * right.length);
  for (const { x, y } of points) expect(Math.max(Math.abs(x), Math.abs(y))).toBeLessThanOrEqual(1);
  await command("map", "--model", run, "--json", "map.json");
  expect(readDataAnalysis(join(dir, "map.json"), "map").points).toEqual(points);
  const all = await command("map", "--model", run, "--all", "--limit", "50");
  expect(all.stdout).toMatch(/^72 images, also those that the network was trained on\n50 points/);
});

test.each<[string, string[], RegExp]>([
  [
    "a model that is not there",
    ["suspects", data, "--model", "resnet999"],
    /the model does not exist[\s\S]*network of the model zoo such as resnet18/,
  ],
  ["data that is not there", ["suspects", "nowhere"], /the data root nowhere does not exist/],
  ["too little time", ["suspects", data, "--time", "20s"], /expected a time of 30 seconds or more, received '20s'/],
  [
    "a time too short for all",
    ["learning-curve", data, "--time", "2m"],
    /expected 5m or more for 9 networks, received 120 s/,
  ],
  ["folds in two ways", ["suspects", data, "data.folds=5"], /the folds are chosen by --folds 3/],
  ["a word that is not an override", ["learning-curve", data, "photos2"], /received photos2/],
  ["a training that cannot be", ["suspects", data, "model=resnet999"], /the training of a fold failed[\s\S]*resnet999/],
  [
    "overrides beside a model",
    ["suspects", data, "--model", "x", "trainer.max_epochs=1"],
    /expected overrides of data/,
  ],
  ["a folder that is not there", ["next", data, "--images", "nowhere"], /expected a folder of images/],
])("%s is a sentence", async (_what, args, said) => {
  const { code, text } = await inProcess(["data", ...args], dir);
  expect(code).toBe(1);
  expect(text).toMatch(said);
  expect(text).not.toMatch(/\n\s+at /);
});
