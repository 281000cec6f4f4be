import fc from "fast-check";
import { expect, test } from "vitest";
import {
  MeanMetric,
  type Metric,
  MulticlassAccuracy,
  MulticlassAUROC,
  MulticlassAveragePrecision,
  MulticlassCalibrationError,
  MulticlassConfusionMatrix,
  MulticlassF1Score,
} from "./index.ts";
import { metricTargets } from "./targets.ts";

const classes = 4;
const batch = fc.integer({ min: 1, max: 12 }).chain((n) =>
  fc.record({
    preds: fc.array(
      fc.array(
        fc.integer({ min: 0, max: 5 }).map((v) => v / 5),
        { minLength: classes, maxLength: classes },
      ),
      {
        minLength: n,
        maxLength: n,
      },
    ),
    target: fc.array(fc.integer({ min: 0, max: classes - 1 }), { minLength: n, maxLength: n }),
  }),
);

const made: readonly [string, () => Metric<unknown, [preds: number[][], target: number[]]>][] = [
  ["macro top-2 accuracy", () => new MulticlassAccuracy({ numClasses: classes, topK: 2 })],
  ["F1", () => new MulticlassF1Score({ numClasses: classes, average: "none" })],
  ["confusion matrix", () => new MulticlassConfusionMatrix({ numClasses: classes })],
  ["calibration error", () => new MulticlassCalibrationError({ numClasses: classes, nBins: 5 })],
  ["AUROC", () => new MulticlassAUROC({ numClasses: classes })],
  ["binned average precision", () => new MulticlassAveragePrecision({ numClasses: classes, thresholds: 11 })],
];

test.each(made)("%s: batches, a saved state, and ranks give the value of all samples at once", (_, create) => {
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 4 }), (batches) => {
      const whole = create();
      whole.update(
        batches.flatMap(({ preds }) => preds),
        batches.flatMap(({ target }) => target),
      );
      const value = rounded(whole.compute());

      const pieces = create();
      for (const { preds, target } of batches) pieces.update(preds, target);
      expect(rounded(pieces.compute())).toEqual(value);

      const resumed = create();
      resumed.loadStateDict(JSON.parse(JSON.stringify(pieces.stateDict())));
      expect(rounded(resumed.compute())).toEqual(value);
      expect(resumed.updates).toBe(batches.length);

      const states = batches.map(({ preds, target }) => {
        const rank = create();
        rank.update(preds, target);
        return rank.state();
      });
      expect(rounded(create().computeOver(states))).toEqual(value);
    }),
    { numRuns: 60 },
  );
});

test("AUROC is the chance that a positive scores above a negative, ties counting half", () => {
  fc.assert(
    fc.property(batch, ({ preds, target }) => {
      const metric = new MulticlassAUROC({ numClasses: classes, average: "none" });
      metric.update(preds, target);
      const byClass = metric.compute() as number[];
      for (let c = 0; c < classes; c++) {
        let wins = 0;
        let pairs = 0;
        for (const [i, a] of preds.entries()) {
          for (const [j, b] of preds.entries()) {
            if (target[i] !== c || target[j] === c) continue;
            pairs++;
            const difference = Math.fround(a[c] as number) - Math.fround(b[c] as number);
            wins += difference > 0 ? 1 : difference === 0 ? 0.5 : 0;
          }
        }
        if (pairs > 0) expect(byClass[c]).toBeCloseTo(wins / pairs, 9);
      }
    }),
  );
});

test("forward gives the batch alone, compute everything so far", () => {
  const mean = new MeanMetric();
  expect(mean.forward(1)).toBe(1);
  expect(mean.forward([3, 4])).toBe(3.5);
  expect(mean.compute()).toBeCloseTo(8 / 3, 12);
  mean.reset();
  expect(mean.compute()).toBeNaN();
  mean.update([1, 3], [3, 1]);
  expect(mean.compute()).toBe(1.5);
});

test("tensors are taken as well as lists, int64 labels too", () => {
  const metric = new MulticlassAccuracy({ numClasses: 2, average: "micro" });
  const preds = { shape: [2, 2], toTypedArray: () => Float32Array.of(0.1, 0.9, 0.8, 0.2) };
  const target = { shape: [2], toTypedArray: () => BigInt64Array.of(1n, 1n) };
  metric.update(preds, target);
  expect(metric.compute()).toBe(0.5);
});

test("a label outside the classes is an error that names it", () => {
  const metric = new MulticlassAccuracy({ numClasses: 3 });
  expect(() => metric.update([[0.1, 0.2, 0.7]], [3])).toThrowErrorMatchingInlineSnapshot(`
    [CtError: label 3 of sample 0 is not one of the 3 classes
      fix: labels count from 0; num_classes must be the number of classes in the data]
  `);
  expect(() => metric.update([[0.1, 0.2]], [1])).toThrowErrorMatchingInlineSnapshot(`
    [CtError: scores [1, 2] and labels [1] do not fit 3 classes
      fix: scores are [N, 3] or [N, 3, ...], labels [N] or [N, ...]]
  `);
});

test("a configuration makes a metric by torchmetrics' name", () => {
  const metric = metricTargets["torchmetrics.classification.MulticlassAccuracy"]?.invoke([], {
    num_classes: 3,
    top_k: 2,
  });
  expect(metric).toBeInstanceOf(MulticlassAccuracy);
});

test("a NaN score ranks highest, as in PyTorch", () => {
  const metric = new MulticlassAccuracy({ numClasses: 3, average: "micro" });
  metric.update([[Number.NaN, 1, 2]], [0]);
  expect(metric.compute()).toBe(1);
});

function rounded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rounded);
  return typeof value === "number" ? Math.round(value * 1e9) / 1e9 : value;
}
