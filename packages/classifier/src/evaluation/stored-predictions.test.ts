import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  dropPredictionDetails,
  epochFolder,
  evaluationPaths,
  joinLabels,
  writePredictions,
} from "@classifier-training/runs";
import { afterAll, expect, test } from "vitest";
import { compareStored } from "./compare-stored.ts";
import { pairedSamples, readStoredPredictions } from "./stored-predictions.ts";

const dir = mkdtempSync(join(tmpdir(), "stored-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** @param rows sample, class, predicted class */
function store(folder: string, rows: readonly (readonly [string, string, string])[]): void {
  writePredictions(
    join(dir, folder, evaluationPaths.predictions),
    rows.map(([sample, label, predicted]) => ({ sample, true: label, predicted, confidence: 0.6 })),
  );
}

test("a run's best epoch is taken, and two runs are paired by sample, in whatever order", () => {
  store(join("a", epochFolder(0)), [
    ["1.jpg", "cat", "dog"],
    ["2.jpg", "dog", "dog"],
  ]);
  store(join("a", epochFolder(1)), [
    ["1.jpg", "cat", "cat"],
    ["2.jpg", "dog", "dog"],
  ]);
  store(join("b", epochFolder(0)), [
    ["2.jpg", "dog", "cat"],
    ["1.jpg", "cat", "cat"],
    ["3.jpg", "cat", "cat"],
  ]);
  const [a, b] = [readStoredPredictions(join(dir, "a")), readStoredPredictions(join(dir, "b"))];
  expect(a.name).toBe(join(dir, "a", epochFolder(1)));
  expect(pairedSamples(a, b)).toEqual({ samples: ["1.jpg", "2.jpg"], first: [0, 0], second: [0, 1] });
  const { lines, runs, comparisons } = compareStored([join(dir, "a"), join(dir, "b")]);
  expect(comparisons[0]?.differences).toEqual([{ sample: "2.jpg", true: "dog", first: "dog", second: "cat" }]);
  expect(lines).toContain("  2.jpg: dog, predicted as dog and cat");
  // All have a confidence of 0.6.
  expect(runs[0]?.calibration.error).toBeCloseTo(0.4);
  expect(runs[1]?.riskCoverage.aurc).toBeCloseTo(1 / 3);
  expect(lines.slice(1, 3)).toEqual([
    "  calibration error (ECE) 0.400, risk-coverage area (AURC) 0.000",
    "  100.0% have a confidence of 0.60 or more, and 0.0% errors",
  ]);
});

test("slices of metadata and most probable classes are read as they were written", () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({
    sample: `${i}.jpg`,
    true: "cat",
    predicted: i % 4 === 0 ? "a|b=c" : "cat",
    confidence: 0.7,
    details: {
      loss: 0.25,
      topK: [["a|b=c", 0.7] as const, ["cat", 0.2] as const],
      metadata: { camera: i % 4 === 0 ? "old" : "new" },
    },
  }));
  const file = join(dir, "sliced", evaluationPaths.predictions);
  writePredictions(file, rows);
  expect(readStoredPredictions(file).rows[0]?.details).toEqual(rows[0]?.details);
  const { lines, runs } = compareStored([file]);
  expect(runs[0]?.slices[0]).toMatchObject({ key: "camera", value: "old", accuracy: { successes: 0, n: 10 } });
  expect(lines.join("\n")).toContain("weakest slice: camera old: 0.0% of 10 images right, 100.0% of the others");
  const table = readFileSync(file, "utf8");
  expect(table.split("\n")[0]).toBe("sample,true,predicted,confidence");
  dropPredictionDetails(file);
  expect(readFileSync(file, "utf8")).toBe(table);
  expect(readStoredPredictions(file).rows[0]?.details).toBeUndefined();
  // Earlier runs have both in one table.
  const old = table
    .split("\n")
    .map((line, i) => (line === "" ? "" : i === 0 ? `${line},loss,top_k` : `${line},0.5,cat=0.7`));
  writeFileSync(file, old.join("\n"));
  expect(readStoredPredictions(file).rows[0]?.details).toEqual({ loss: 0.5, topK: [["cat", 0.7]] });
});

test("of several labels the wrong ones count, and micro F1 says which epoch is best", () => {
  const write = (epoch: number, rows: readonly (readonly [string, string, string, number, number, number])[]) =>
    writePredictions(
      join(dir, "labels", epochFolder(epoch), evaluationPaths.predictions),
      rows.map(([sample, label, predicted, tp, fp, fn]) => {
        return { sample, true: label, predicted, confidence: 0.6, counts: { tp, fp, fn } };
      }),
    );
  // Micro F1 is 2 / 3 and 8 / 9.
  write(0, [
    ["1.jpg", joinLabels(["cat", "a|b"]), "", 0, 0, 2],
    ["2.jpg", "dog|cat", "dog|cat", 2, 0, 0],
  ]);
  write(1, [
    ["1.jpg", joinLabels(["cat", "a|b"]), joinLabels(["cat", "a|b", "dog"]), 2, 1, 0],
    ["2.jpg", "dog|cat", "dog|cat|owl", 2, 0, 0],
  ]);
  const stored = readStoredPredictions(join(dir, "labels"));
  expect(stored.name).toContain(epochFolder(1));
  expect(pairedSamples(stored, readStoredPredictions(join(dir, "labels", epochFolder(0))))).toMatchObject({
    first: [1, 0],
    second: [2, 0],
  });
  expect(compareStored([join(dir, "labels"), join(dir, "labels", epochFolder(0))]).lines[0]).toMatch(
    /epoch_001: F1 micro 88\.9%, exact match 50\.0% \(1 of 2/,
  );
});

test("without stored predictions the error says where they come from", () => {
  mkdirSync(join(dir, "empty"));
  expect(() => readStoredPredictions(join(dir, "empty"))).toThrow(
    /there are no stored predictions[\s\S]*callbacks\.report/,
  );
});
