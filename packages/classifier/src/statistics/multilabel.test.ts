import { MultilabelAveragePrecision, MultilabelF1Score } from "@classifier-training/lightning";
import { compareErrors } from "@classifier-training/runs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { bestThresholds, bootstrapScores, type LabelTable, labelReports, labelScores } from "./multilabel.ts";
import { splitPredictions } from "./multilabel-predictions.ts";
import { predictionsOfRows } from "./predictions.ts";

const table = (rows: readonly (readonly [p: number, target: number][])[]): LabelTable => ({
  numClasses: rows[0]?.length ?? 0,
  probabilities: rows.flatMap((row) => row.map(([p]) => p)),
  targets: rows.flatMap((row) => row.map(([, target]) => target)),
});

const tables = fc
  .array(
    fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 1 })), { minLength: 2, maxLength: 2 }),
    {
      minLength: 12,
      maxLength: 40,
    },
  )
  .map((rows) => table(rows.map((row) => row.map(([p, target]) => [p / 10, target] as [number, number]))));

test("reports have the values of torchmetrics' metrics, where a class has samples", () => {
  fc.assert(
    fc.property(tables, (given) => {
      const { probabilities, targets } = given;
      const rows = (values: ArrayLike<number>) =>
        Array.from({ length: values.length / 2 }, (_, n) => [values[2 * n] as number, values[2 * n + 1] as number]);
      const [ap, f1] = [
        new MultilabelAveragePrecision({ numLabels: 2, average: "none" }),
        new MultilabelF1Score({ numLabels: 2, average: "none" }),
      ];
      for (const metric of [ap, f1]) metric.update(rows(probabilities), rows(targets));
      for (const [k, report] of labelReports(given).entries()) {
        expect(report.f1).toBeCloseTo((f1.compute() as number[])[k] as number, 9);
        if (report.tp + report.fn > 0) expect(report.ap).toBeCloseTo((ap.compute() as number[])[k] as number, 6);
        else expect(report.ap).toBeNaN();
      }
    }),
    { numRuns: 50 },
  );
});

test("no other threshold gives a class a better F1, and classes of few samples keep 0.5", () => {
  fc.assert(
    fc.property(tables, (given) => {
      const thresholds = bestThresholds(given);
      const found = labelReports(given, thresholds);
      for (const [k, { f1, tp, fn, tn, fp }] of found.entries()) {
        if (tp + fn < 10 || fp + tn === 0) expect(thresholds[k]).toBe(0.5);
        else
          for (let t = 0.05; t < 1; t += 0.1)
            expect(labelReports(given, [t, t])[k]?.f1).toBeLessThanOrEqual(f1 + 1e-12);
      }
    }),
    { numRuns: 50 },
  );
});

test("a bootstrap is around its value, is narrower with more samples, and is the same again", () => {
  const rows = (count: number) =>
    table(
      Array.from({ length: count }, (_, i) =>
        [0, 1].map((k) => [((i * 7 + k) % 10) / 10, +((i * 3 + k) % 10 > 5)] as [number, number]),
      ),
    );
  const [few, many] = [rows(30), rows(300)].map((given) => bootstrapScores(given, [0.5, 0.5]));
  for (const measure of ["mAP", "f1Macro", "f1Micro"] as const) {
    const [a, b] = [few?.[measure], many?.[measure]];
    expect(a?.low).toBeLessThanOrEqual(a?.value as number);
    expect(a?.high).toBeGreaterThanOrEqual(a?.value as number);
    expect((b?.high ?? 1) - (b?.low ?? 0)).toBeLessThan(((a?.high ?? 0) - (a?.low ?? 0)) / 2);
  }
  expect(bootstrapScores(rows(30), [0.5, 0.5])).toEqual(few);
  expect(labelScores(labelReports(rows(30))).mAP).toBeCloseTo(few?.mAP.value as number, 12);
});

test("predictions of label sets: exact matches, wrong labels, and a loss that large logits do not overflow", () => {
  const logits = Float32Array.of(2, -2, 3, -200, -1, 4);
  const truth = Uint8Array.of(1, 0, 0, 0, 1, 1);
  const predictions = splitPredictions([predictionsOfRows(logits, truth, [4, 5], 3)], { thresholds: [0.5, 0.5, 0.5] });
  expect(predictions.errors).toEqual([1, 1]);
  expect(predictions.top1.successes).toBe(0);
  const each = [
    Math.log1p(Math.exp(-2)),
    Math.log1p(Math.exp(-2)),
    3 + Math.log1p(Math.exp(-3)),
    0,
    1 + Math.log1p(Math.exp(-1)),
    Math.log1p(Math.exp(-4)),
  ];
  expect(predictions.loss).toBeCloseTo(each.reduce((a, b) => a + b) / 6, 6);
  expect(predictions.nonFinite).toBe(0);
  expect(predictionsOfRows(Float32Array.of(Number.NaN, 1, 2), Uint8Array.of(1, 0, 0), [0], 3).nonFinite).toBe(1);
});

test("the sign test is McNemar's where each sample has one label", () => {
  expect(compareErrors([0, 0, 3, 1], [1, 2, 1, 1])).toMatchObject({ onlyFirst: 2, onlySecond: 1, pValue: 1 });
});
