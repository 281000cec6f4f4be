import { expect, test } from "vitest";
import { coverageAtRisk, refuseBelow, refusedFractions, riskCoverage } from "./risk-coverage.ts";

test("the curve and its area are those of the definition", () => {
  const curve = riskCoverage([0.6, 0.9, 0.8, 0.7], [false, true, false, true]);
  expect(curve.points.map(({ coverage, risk }) => [coverage, risk])).toEqual([
    [0.25, 0],
    [0.5, 0.5],
    [0.75, 1 / 3],
    [1, 0.5],
  ]);
  expect(curve.aurc).toBeCloseTo((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4, 12);
  expect(coverageAtRisk(curve, 0.4)).toMatchObject({ coverage: 0.75, confidence: 0.7 });
  expect(coverageAtRisk(riskCoverage([0.9], [false]), 0.4)).toBeUndefined();
});

test("samples of equal confidence have no order: any order of them has the same curve", () => {
  const tied = [true, false, false, true, true].map((correct, i) => ({ correct, confidence: i < 4 ? 0.9 : 0.1 }));
  const curves = [tied, tied.toReversed()].map((samples) =>
    riskCoverage(
      samples.map(({ confidence }) => confidence),
      samples.map(({ correct }) => correct),
    ),
  );
  expect(curves[0]).toEqual(curves[1]);
  expect(curves[0]?.points.map(({ coverage }) => coverage)).toEqual([0.8, 1]);
  expect(curves[0]?.aurc).toBeCloseTo((4 * 0.5 + 0.4) / 5, 12);
});

test("the least confident are refused: a fraction of all, or those below a confidence", () => {
  const confidence = Array.from({ length: 20 }, (_, i) => (20 - i) / 20);
  const correct = confidence.map((value) => value > 0.1);
  const of = ({ refused, accuracy, confidence: least }: ReturnType<typeof refuseBelow>) =>
    [refused, accuracy.successes, accuracy.n, least] as const;
  expect(refusedFractions(confidence, correct).map((one) => [one.fraction, ...of(one)])).toEqual([
    [0, 0, 18, 20, 0.05],
    [0.05, 1, 18, 19, 0.1],
    [0.1, 2, 18, 18, 0.15],
  ]);
  expect(of(refuseBelow(confidence, correct, 0.5))).toEqual([9, 11, 11, 0.5]);
  expect(of(refuseBelow(confidence, correct, 2))).toEqual([20, 0, 0, Number.NaN]);
});
