import { Rng } from "@classifier-training/base";
import { expect, test } from "vitest";
import { fitLearningCurve } from "./learning-curve.ts";

const law = (n: number) => 3 * n ** -0.5 + 0.02;

test("a power law is found again, and says what more samples would bring", () => {
  const rng = Rng.at(1, "curve");
  const points = [50, 100, 200, 400].flatMap((n) =>
    Array.from({ length: 3 }, () => ({ n, error: law(n) + 0.005 * rng.normal(), measuredOn: 500 })),
  );
  const curve = fitLearningCurve(points);
  for (const n of [100, 500, 800]) {
    const { value, low, high } = curve?.at(n) ?? { value: 0, low: 0, high: 0 };
    expect(value, `${n}`).toBeCloseTo(law(n), 1.5);
    expect(low).toBeLessThan(law(n));
    expect(high).toBeGreaterThan(law(n));
    expect(high - low).toBeLessThan(0.15);
  }
  expect(fitLearningCurve(points)?.at(500)).toEqual(curve?.at(500));
  // Few samples measured say less.
  const rough = fitLearningCurve(points.map((point) => ({ ...point, measuredOn: 20 })));
  const width = (one = rough) => (one?.at(500).high ?? 0) - (one?.at(500).low ?? 0);
  expect(width(rough)).toBeGreaterThan(2 * width(curve));
});

test("errors that do not fall have a flat curve, and two sizes are too few", () => {
  const flat = [10, 20, 40].map((n) => ({ n, error: n === 40 ? 0.3 : 0.25, measuredOn: 100 }));
  expect(fitLearningCurve(flat)?.law.rate).toBe(0);
  expect(fitLearningCurve(flat)?.at(1000).value).toBeCloseTo(0.27, 1.5);
  expect(fitLearningCurve(flat.slice(1))).toBeUndefined();
  expect(fitLearningCurve(flat.map((point) => ({ ...point, error: 0 })))?.at(100).high).toBeLessThan(0.05);
});
