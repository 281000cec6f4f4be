import { expect, test } from "vitest";
import { describeMeanInterval, describeSpread, spreadOf } from "./spread.ts";

test("the spread of values is their mean, deviation and t interval", () => {
  // R: t.test(c(0.94, 0.95, 0.93, 0.96, 0.94))
  const spread = spreadOf([0.94, 0.95, 0.93, 0.96, 0.94]);
  expect(spread.mean).toBeCloseTo(0.944, 10);
  expect(spread.deviation).toBeCloseTo(0.01140175, 7);
  expect([spread.low, spread.high].map((value) => Number(value.toFixed(5)))).toEqual([0.92984, 0.95816]);
  expect(describeSpread(spread)).toBe("mean 94.4%, standard deviation 1.1%");
  expect(describeMeanInterval(spread)).toBe("95% interval of the mean 93.0% to 95.8% (n = 5)");
});

test("one value has no spread", () => {
  expect(spreadOf([0.5])).toEqual({ n: 1, mean: 0.5, deviation: Number.NaN, low: Number.NaN, high: Number.NaN });
  expect(describeSpread(spreadOf([0.5]))).toBe("mean 50.0%");
});
