import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "@classifier-training/base";
import { afterAll, expect, test, vi } from "vitest";
import type { HeldOutImage } from "./held-out.ts";
import { describeSuspects, findLabelSuspects, writeLabelSuspects } from "./label-suspects.ts";
import { describeLearningCurve, measureLearningCurve } from "./learning-curve.ts";

vi.setConfig({ testTimeout: 30_000 });

const dir = mkdtempSync(join(tmpdir(), "suspects a b ü"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A network that was trained on other images, for other classes. */
const unseeing = { classNames: undefined, trainedOn: 0 };

/** Classes that lie around centers, of whose labels 5% are wrong. */
function planted(classes: number, images: number, size: number) {
  const rng = Rng.at(3, "features");
  const centers = Array.from({ length: classes }, () => Array.from({ length: size }, () => 1.2 * rng.normal()));
  const wrong = new Set<string>();
  const known = Array.from({ length: images }, (_, i): HeldOutImage => {
    const truth = i % classes;
    const isWrong = rng.uniform() < 0.05;
    if (isWrong) wrong.add(`${i}.jpg`);
    const label = isWrong ? (truth + 1 + rng.integer(classes - 1)) % classes : truth;
    const features = Float32Array.from(centers[truth] ?? [], (value) => 5 + value + 2 * rng.normal());
    const opinions = [{ network: i % 2, features, logits: new Float32Array() }];
    return { sample: `${i}.jpg`, label: `class ${label}`, opinions };
  });
  return { known: { images: known, networks: [unseeing, unseeing] }, wrong };
}

test("at least 80% of planted label errors are found at a precision of 50%", () => {
  const { known, wrong } = planted(8, 800, 32);
  const { suspects, agreement } = findLabelSuspects(known);
  const hits = (list: typeof suspects) => list.filter(({ sample }) => wrong.has(sample)).length;
  const list = suspects.slice(0, Math.floor(1.6 * wrong.size));
  expect(hits(list) / wrong.size).toBeGreaterThan(0.8);
  expect(hits(list) / list.length).toBeGreaterThan(0.5);
  const file = join(dir, "suspects.csv");
  writeLabelSuspects(file, suspects);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  expect(lines[0]).toBe("sample,label,suggested,label_probability,confident");
  expect(lines.length).toBe(suspects.length + 1);
  expect(findLabelSuspects(known).suspects).toEqual(suspects);
  expect(agreement).toBeGreaterThan(0.8);
  expect(describeSuspects({ suspects, agreement: 0.6 }, 800, 3)).toMatch(
    /^800 images: the networks prefer the label of 60\.0% only, too few to say how many/,
  );
  expect(describeSuspects({ suspects, agreement }, 800, 3)).toMatch(
    /^800 images: \d+ probably with a wrong label[\s\S]*The 3 most/,
  );
});

test("a learning curve says what more images would bring", () => {
  const { known } = planted(4, 800, 16);
  const curve = measureLearningCurve(known, 800);
  expect(curve.points.map(({ images, repetitions }) => [images, repetitions])).toEqual(
    [32, 64, 112, 192, 320].map((n) => [n, 10]),
  );
  for (const { value, low, high } of curve.points) expect(low < value && value < high).toBe(true);
  const [first, last] = [curve.points[0]?.value ?? 0, curve.points.at(-1)?.value ?? 0];
  expect(last).toBeLessThan(first);
  // 5% of the labels are wrong: no number of images goes below.
  expect(curve.forecasts.map(({ images }) => images)).toEqual([800, 900, 1600, 8000]);
  expect(curve.forecasts[0]?.value).toBeCloseTo(last, 1);
  expect(curve.curve).toHaveLength(30);
  expect(curve.classes.map(({ images }) => images).reduce((a, b) => a + b)).toBe(800);
  const text = describeLearningCurve(curve);
  expect(text).toMatch(/100 more +│ +900 │ +│ \d+\.\d% \(\d+\.\d% to \d+\.\d%\)/);
  expect(text).toMatch(/100 more images than 800: \d+\.\d% -> \d+\.\d% \(/);
  const few = { ...known, images: known.images.slice(0, 19) };
  expect(() => measureLearningCurve(few, 19)).toThrow(/expected at least 20 images that .* received 19/);
});

test("runs on parts of the data are a curve of whole trainings", () => {
  const classNames = ["a", "b"];
  const sizes = [100, 101, 200, 400];
  // A network has 1 / sqrt(n) of its images wrong.
  const images = sizes.flatMap((n, network) =>
    Array.from({ length: 400 }, (_, i): HeldOutImage => {
      const isWrong = i < 400 / Math.sqrt(n);
      const logits = Float32Array.from(classNames, (name) => Number((name === "a") !== isWrong));
      return { sample: `${network}/${i}`, label: "a", opinions: [{ network, features: new Float32Array(2), logits }] };
    }),
  );
  const other = { sample: "b", label: "b", opinions: images[0]?.opinions ?? [] };
  const networks = sizes.map((trainedOn) => ({ classNames, trainedOn }));
  const curve = measureLearningCurve({ images: [...images, other], networks }, 500);
  expect(curve.measures).toMatch(/^whole trainings/);
  expect(curve.warning).toBeUndefined();
  // Sizes that differ by a few images are one: their mean.
  expect(curve.points.map((point) => [point.images, point.repetitions])).toEqual([
    [101, 2],
    [200, 1],
    [400, 1],
  ]);
  expect(curve.forecasts[2]?.value).toBeCloseTo(1 / Math.sqrt(1000), 1);
});

test("trainings that were cut short make no forecast", () => {
  const classNames = ["a", "b"];
  // The more images, the fewer epochs.
  const images = [0.3, 0.5, 0.7].flatMap((error, network) =>
    Array.from({ length: 100 }, (_, i): HeldOutImage => {
      const logits = Float32Array.from(classNames, (name) => Number((name === "a") !== i < 100 * error));
      return { sample: `${network}/${i}`, label: "a", opinions: [{ network, features: new Float32Array(2), logits }] };
    }),
  );
  const other = { sample: "b", label: "b", opinions: images[0]?.opinions ?? [] };
  const networks = [100, 200, 400].map((trainedOn) => ({ classNames, trainedOn }));
  const curve = measureLearningCurve({ images: [...images, other], networks }, 500);
  expect(curve.warning).toMatch(/do not fall with the number of images[\s\S]*more --time and --retrain/);
  expect(describeLearningCurve(curve)).toContain(curve.warning);
  expect(describeLearningCurve(curve)).not.toContain("100 more images than");
});

test("images of one class have no suspects", () => {
  const opinions = [{ network: 0, features: new Float32Array(2), logits: new Float32Array() }];
  const known = [{ sample: "a.jpg", label: "cat", opinions }];
  expect(() => findLabelSuspects({ images: known, networks: [unseeing] })).toThrow(
    /expected images of at least two classes, received 1 image of 1 class/,
  );
});
