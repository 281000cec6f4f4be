import { expect, test } from "vitest";
import { classReports, countConfusions } from "./confusion.ts";

test("class reports have scikit-learn's values", () => {
  // sklearn.metrics.classification_report([0,0,0,1,1,2], [0,0,1,1,2,0])
  const counts = countConfusions([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 0], 3);
  expect(counts).toEqual([
    [2, 1, 0],
    [0, 1, 1],
    [1, 0, 0],
  ]);
  const [first, second, third] = classReports(counts);
  expect(first).toMatchObject({ support: 3, correct: 2 });
  expect(first?.precision).toBeCloseTo(2 / 3);
  expect(first?.recall).toBeCloseTo(2 / 3);
  expect(second?.f1).toBeCloseTo(0.5);
  expect(third).toEqual({ support: 1, correct: 0, precision: 0, recall: 0, f1: 0 });
});
