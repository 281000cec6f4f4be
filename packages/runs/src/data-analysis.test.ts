import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { type DataAnalysis, readDataAnalysis, writeDataAnalysis } from "./data-analysis.ts";

const dir = mkdtempSync(join(tmpdir(), "analysis a b ü"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const judges = { by: "folds", models: ["fold_0", "fold_1"], images: 40, leftOut: 2, note: "by 2 runs" } as const;
const suspect = {
  label: "cat",
  suggested: "dog",
  labelProbability: 0.01,
  suggestedProbability: 0.9,
  isConfident: true,
};

test("an analysis is read as it was written, a line for each image", () => {
  const file = join(dir, "suspects.json");
  const suspects: DataAnalysis<"suspects"> = {
    formatVersion: 1,
    data: "photos",
    judges: { ...judges, models: [...judges.models] },
    suspects: [
      { sample: "cat/ü.jpg", ...suspect },
      { sample: "cat/2.jpg", ...suspect },
    ],
  };
  writeDataAnalysis(file, "suspects", suspects);
  expect(readDataAnalysis(file, "suspects")).toEqual(suspects);
  expect(
    readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line.includes("sample")),
  ).toHaveLength(2);
});

test.each([
  ["another analysis", '{"formatVersion":1,"data":"photos"}'],
  ["a truncated file", '{"formatVersion":1,'],
])("%s is refused by name", (_what, text) => {
  const file = join(dir, "damaged.json");
  writeFileSync(file, text);
  expect(() => readDataAnalysis(file, "map")).toThrow(/expected what `classifier data` writes with --json \(map\)/);
});
