import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { csvText } from "../callbacks/csv.ts";
import { pairedSamples, readStoredPredictions } from "./stored-predictions.ts";

const dir = mkdtempSync(join(tmpdir(), "stored-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function store(folder: string, rows: readonly (readonly string[])[]): void {
  mkdirSync(join(dir, folder), { recursive: true });
  writeFileSync(join(dir, folder, "predictions.csv"), csvText(["sample", "true", "predicted", "confidence"], rows));
}

test("a run's best epoch is taken, and two runs are paired by sample, in whatever order", () => {
  store("a/epoch_000", [
    ["1.jpg", "cat", "dog", "0.6"],
    ["2.jpg", "dog", "dog", "0.6"],
  ]);
  store("a/epoch_001", [
    ["1.jpg", "cat", "cat", "0.6"],
    ["2.jpg", "dog", "dog", "0.6"],
  ]);
  store("b/epoch_000", [
    ["2.jpg", "dog", "cat", "0.6"],
    ["1.jpg", "cat", "cat", "0.6"],
    ["3.jpg", "cat", "cat", "0.6"],
  ]);
  const [a, b] = [readStoredPredictions(join(dir, "a")), readStoredPredictions(join(dir, "b"))];
  expect(a.name).toBe(join(dir, "a", "epoch_001"));
  expect(pairedSamples(a, b)).toEqual({ first: [true, true], second: [true, false] });
});

test("without stored predictions the error says where they come from", () => {
  mkdirSync(join(dir, "empty"));
  expect(() => readStoredPredictions(join(dir, "empty"))).toThrow(
    /there are no stored predictions[\s\S]*callbacks\.report/,
  );
});
