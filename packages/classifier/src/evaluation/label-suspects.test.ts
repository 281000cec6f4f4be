import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Rng } from "@classifier-training/base";
import { afterAll, expect, test, vi } from "vitest";
import { describeSuspects, findLabelSuspects, writeLabelSuspects } from "./label-suspects.ts";
import { describeLearningCurve, measureLearningCurve } from "./learning-curve.ts";

vi.setConfig({ testTimeout: 30_000 });

const dir = mkdtempSync(join(tmpdir(), "suspects a b ü"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Classes that lie around centers, of whose labels 5% are wrong. */
function planted(classes: number, images: number, size: number) {
  const rng = Rng.at(3, "features");
  const centers = Array.from({ length: classes }, () => Array.from({ length: size }, () => 1.2 * rng.normal()));
  const wrong = new Set<string>();
  const known = Array.from({ length: images }, (_, i) => {
    const truth = i % classes;
    const isWrong = rng.uniform() < 0.05;
    if (isWrong) wrong.add(`${i}.jpg`);
    const label = isWrong ? (truth + 1 + rng.integer(classes - 1)) % classes : truth;
    const features = Float32Array.from(centers[truth] ?? [], (value) => 5 + value + 2 * rng.normal());
    return { path: `${i}.jpg`, label: `class ${label}`, features };
  });
  return { known, wrong };
}

test("at least 80% of planted label errors are found at a precision of 50%", () => {
  const { known, wrong } = planted(8, 800, 32);
  const suspects = findLabelSuspects(known);
  const hits = (list: typeof suspects) => list.filter(({ sample }) => wrong.has(sample)).length;
  const list = suspects.slice(0, Math.floor(1.6 * wrong.size));
  expect(hits(list) / wrong.size).toBeGreaterThan(0.8);
  expect(hits(list) / list.length).toBeGreaterThan(0.5);
  const file = join(dir, "suspects.csv");
  writeLabelSuspects(file, suspects);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  expect(lines[0]).toBe("sample,label,suggested,label_probability,confident");
  expect(lines.length).toBe(suspects.length + 1);
  expect(findLabelSuspects(known)).toEqual(suspects);
  expect(describeSuspects(suspects, 800, 3)).toMatch(/^800 images: \d+ probably with a wrong label[\s\S]*The 3 most/);
});

test("a learning curve says what more images would bring", () => {
  const { known } = planted(4, 400, 16);
  const { curve, measured } = measureLearningCurve(known);
  expect(measured.map(({ n }) => n)).toEqual([32, 64, 112, 192, 320]);
  expect(measured.at(-1)?.error).toBeLessThan(measured[0]?.error ?? 0);
  // 5% of the labels are wrong: no number of images goes below.
  expect(curve.at(320).value).toBeCloseTo(measured.at(-1)?.error ?? 0, 1);
  expect(curve.at(500).value).toBeLessThanOrEqual(curve.at(320).value);
  const text = describeLearningCurve({ curve, measured, images: 400 });
  expect(text).toMatch(/100 more +│ +500 │ +│ \d+\.\d% \(\d+\.\d% to \d+\.\d%\)/);
  expect(() => measureLearningCurve(known.slice(0, 19))).toThrow(/expected at least 20 images, received 19/);
});

test("images of one class have no suspects", () => {
  const known = [{ path: "a.jpg", label: "cat", features: new Float32Array(2) }];
  expect(() => findLabelSuspects(known)).toThrow(
    /expected images of at least two classes, received 1 image of 1 class/,
  );
});
