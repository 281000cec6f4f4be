import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { evaluationPaths, readConfusionCounts, writeConfusionCounts } from "../src/index.ts";

const dir = mkdtempSync(join(tmpdir(), "a b ü"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const path = join(dir, evaluationPaths.confusionCounts);

test.each([3, 100, 101, 20_000])("the counts of %d classes are read as they were written", (classes) => {
  const names = Array.from({ length: classes }, (_, i) => (i === 1 ? 'a, "b"|c' : `class ${i}`));
  const cells = [0, 1, classes - 1].map((label) => ({ label, predicted: 1, count: label + 2 }));
  writeConfusionCounts(path, cells, names);
  expect(readConfusionCounts(path)).toEqual(
    cells.map(({ label, count }) => ({ true: names[label], predicted: names[1], count })),
  );
  const text = readFileSync(path, "utf8");
  expect(text.startsWith(classes > 100 ? "true,predicted,count\n" : "true\\predicted,class 0,")).toBe(true);
  expect(text.length).toBeLessThan(100_000);
});

test("another file is refused", () => {
  writeFileSync(path, "class,tp,fp,fn,tn\na,1,2,3,4\n");
  expect(() => readConfusionCounts(path)).toThrow(/expected the columns true, predicted, count[\s\S]*class, tp, fp/);
});
