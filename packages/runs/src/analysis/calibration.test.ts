import { expect, test } from "vitest";
import { calibrationBins, expectedCalibrationError, quantile } from "./calibration.ts";

test("calibration error is the gap between confidence and accuracy", () => {
  expect(expectedCalibrationError([0.9, 0.9, 0.9, 0.9], [true, true, true, false])).toBeCloseTo(0.15);
  expect(expectedCalibrationError([1, 1], [true, true])).toBe(0);
  expect(expectedCalibrationError([0.9, Number.NaN], [true, true])).toBeNaN();
});

test("quantiles interpolate as numpy's do", () => {
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
  expect(quantile([1, 2, 3, 4], 0.95)).toBeCloseTo(3.85);
});

test("a reliability diagram has each sample in the bin of its confidence", () => {
  const bins = calibrationBins([0, 0.2, 0.21, 0.95, 1], [false, false, true, true, true], 5);
  expect(bins.map(({ count }) => count)).toEqual([2, 1, 0, 0, 2]);
  expect(bins[4]).toMatchObject({ low: 0.8, high: 1, confidence: 0.975, accuracy: { successes: 2, n: 2, value: 1 } });
  expect(bins[2]?.confidence).toBeNaN();
});
