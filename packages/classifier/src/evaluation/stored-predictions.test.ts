import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { epochFolder, evaluationPaths, writePredictions } from "@classifier-training/runs";
import { afterAll, expect, test } from "vitest";
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
  expect(pairedSamples(a, b)).toEqual({ first: [true, true], second: [true, false] });
});

test("without stored predictions the error says where they come from", () => {
  mkdirSync(join(dir, "empty"));
  expect(() => readStoredPredictions(join(dir, "empty"))).toThrow(
    /there are no stored predictions[\s\S]*callbacks\.report/,
  );
});
