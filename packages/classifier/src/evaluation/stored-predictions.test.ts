import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { epochFolder, evaluationPaths, joinLabels, writePredictions } from "@classifier-training/runs";
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
  expect(pairedSamples(a, b)).toEqual({ first: [0, 0], second: [0, 1] });
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
  expect(pairedSamples(stored, readStoredPredictions(join(dir, "labels", epochFolder(0))))).toEqual({
    first: [1, 0],
    second: [2, 0],
  });
  expect(compareStored([join(dir, "labels"), join(dir, "labels", epochFolder(0))])[0]).toMatch(
    /epoch_001: F1 micro 88\.9%, exact match 50\.0% \(1 of 2/,
  );
});

test("without stored predictions the error says where they come from", () => {
  mkdirSync(join(dir, "empty"));
  expect(() => readStoredPredictions(join(dir, "empty"))).toThrow(
    /there are no stored predictions[\s\S]*callbacks\.report/,
  );
});
