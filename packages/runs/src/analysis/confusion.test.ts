import { expect, test } from "vitest";
import { classReports, countConfusions } from "./confusion.ts";

// sklearn.metrics.classification_report([0,0,0,1,1,2], [0,0,1,1,2,0])
const [labels, predicted] = [
  [0, 0, 0, 1, 1, 2],
  [0, 0, 1, 1, 2, 0],
];

test("class reports have scikit-learn's values, with intervals", () => {
  const [first, second, third] = classReports(labels, predicted, 3);
  expect(first).toMatchObject({ support: 3, correct: 2 });
  expect(first?.precision).toBeCloseTo(2 / 3);
  expect(first?.recall).toBeCloseTo(2 / 3);
  expect(first?.precisionInterval).toMatchObject({ successes: 2, n: 3 });
  expect(second?.f1).toBeCloseTo(0.5);
  expect(second?.recallInterval.low).toBeCloseTo(0.0945, 4);
  expect(third).toMatchObject({ support: 1, correct: 0, precision: 0, recall: 0, f1: 0 });
});

test("confusions are the cells that are not zero", () => {
  expect(countConfusions(labels, predicted)).toEqual([
    { label: 0, predicted: 0, count: 2 },
    { label: 0, predicted: 1, count: 1 },
    { label: 1, predicted: 1, count: 1 },
    { label: 1, predicted: 2, count: 1 },
    { label: 2, predicted: 0, count: 1 },
  ]);
});
