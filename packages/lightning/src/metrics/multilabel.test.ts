import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Metric,
  MultilabelAccuracy,
  MultilabelAUROC,
  MultilabelAveragePrecision,
  MultilabelF1Score,
  MultilabelPrecision,
  MultilabelRecall,
} from "./index.ts";
import { metricTargets } from "./targets.ts";

/** The samples of torchmetrics' documentation: `functional.classification.multilabel_*`. */
const curve = {
  preds: [
    [0.75, 0.05, 0.35],
    [0.45, 0.75, 0.05],
    [0.05, 0.55, 0.75],
    [0.05, 0.65, 0.05],
  ],
  target: [
    [1, 0, 1],
    [0, 0, 0],
    [0, 1, 1],
    [1, 1, 1],
  ],
};
const scores = {
  preds: [
    [0.11, 0.22, 0.84],
    [0.73, 0.33, 0.92],
  ],
  target: [
    [0, 1, 0],
    [1, 0, 1],
  ],
};

const documented = [
  ["AveragePrecision macro", new MultilabelAveragePrecision({ numLabels: 3 }), curve, 0.75],
  [
    "AveragePrecision none",
    new MultilabelAveragePrecision({ numLabels: 3, average: "none" }),
    curve,
    [0.75, 0.5833, 0.9167],
  ],
  ["AveragePrecision, 5 thresholds", new MultilabelAveragePrecision({ numLabels: 3, thresholds: 5 }), curve, 0.7778],
  [
    "AveragePrecision none, 5 thresholds",
    new MultilabelAveragePrecision({ numLabels: 3, average: "none", thresholds: 5 }),
    curve,
    [0.75, 0.6667, 0.9167],
  ],
  ["AUROC macro", new MultilabelAUROC({ numLabels: 3 }), curve, 0.6528],
  ["AUROC none", new MultilabelAUROC({ numLabels: 3, average: "none" }), curve, [0.625, 0.5, 0.8333]],
  ["F1Score macro", new MultilabelF1Score({ numLabels: 3 }), scores, 0.5556],
  ["F1Score none", new MultilabelF1Score({ numLabels: 3, average: "none" }), scores, [1, 0, 0.6667]],
  ["Precision macro", new MultilabelPrecision({ numLabels: 3 }), scores, 0.5],
  ["Precision none", new MultilabelPrecision({ numLabels: 3, average: "none" }), scores, [1, 0, 0.5]],
  ["Recall macro", new MultilabelRecall({ numLabels: 3 }), scores, 0.6667],
  ["Accuracy macro", new MultilabelAccuracy({ numLabels: 3 }), scores, 0.6667],
  ["Accuracy none", new MultilabelAccuracy({ numLabels: 3, average: "none" }), scores, [1, 0.5, 0.5]],
] as const;

test.each(documented)("Multilabel%s has the value of torchmetrics' documentation", (_, metric, given, value) => {
  metric.update(given.preds, given.target);
  const found = [metric.compute()].flat().map((number) => Math.round(number * 1e4) / 1e4);
  expect(found).toEqual([value].flat());
});

const labels = 3;
const batch = fc.array(
  fc.tuple(
    fc.array(fc.integer({ min: 0, max: 5 }), { minLength: labels, maxLength: labels }),
    fc.array(fc.integer({ min: 0, max: 1 }), { minLength: labels, maxLength: labels }),
  ),
  { minLength: 1, maxLength: 12 },
);
const created: readonly [string, () => Metric<number | number[], [preds: number[][], target: number[][]]>][] = [
  ["F1", () => new MultilabelF1Score({ numLabels: labels, average: "weighted" })],
  ["average precision", () => new MultilabelAveragePrecision({ numLabels: labels, average: "micro" })],
  ["binned AUROC", () => new MultilabelAUROC({ numLabels: labels, thresholds: 7, average: "none" })],
];

test.each(created)("%s: batches, a saved state, and ranks give the value of all samples at once", (_, create) => {
  fc.assert(
    fc.property(fc.array(batch, { minLength: 1, maxLength: 3 }), (batches) => {
      const columns = (rows: readonly (readonly [number[], number[]])[]) =>
        [rows.map(([preds]) => preds.map((v) => v / 5)), rows.map(([, target]) => target)] as const;
      const whole = create();
      whole.update(...columns(batches.flat()));
      const parts = create();
      for (const rows of batches) parts.update(...columns(rows));
      const resumed = create();
      resumed.loadStateDict(JSON.parse(JSON.stringify(parts.stateDict())));
      const ranks = batches.map((rows) => {
        const rank = create();
        rank.update(...columns(rows));
        return rank.state();
      });
      for (const value of [parts.compute(), resumed.compute(), create().computeOver(ranks)]) {
        expect([value].flat().map((v) => v.toFixed(9))).toEqual([whole.compute()].flat().map((v) => v.toFixed(9)));
      }
    }),
    { numRuns: 40 },
  );
});

test("scores outside 0..1 are logits, further dimensions are samples, and ignored targets do not count", () => {
  const options = { numLabels: 2, ignoreIndex: -1 };
  const logits = new MultilabelF1Score(options);
  logits.update(
    [
      [2, -1],
      [-3, 0.1],
    ],
    [
      [1, 0],
      [0, 1],
    ],
  );
  expect(logits.compute()).toBe(1);
  const places = new MultilabelF1Score({ ...options, average: "none" });
  // [N = 1, L = 2, 3 places]
  places.update(
    [
      [
        [0.9, 0.9, 0.1],
        [0.9, 0.1, 0.1],
      ],
    ],
    [
      [
        [1, -1, 0],
        [0, 0, 1],
      ],
    ],
  );
  expect(places.compute()).toEqual([1, 0]);
  expect(() => places.update([[0.5, 0.5]], [[1, 2]])).toThrow("target 2 of sample 0: expected 0 or 1");
  expect(() => places.update([[0.5, 0.5, 0.5]], [[1, 1, 1]])).toThrow("do not fit 2 labels");
});

test("a label without positive samples has an average precision of 0, as in torchmetrics", () => {
  const metric = new MultilabelAveragePrecision({ numLabels: 2, average: "none" });
  metric.update(
    [
      [0.9, 0.2],
      [0.1, 0.8],
    ],
    [
      [1, 0],
      [0, 0],
    ],
  );
  expect(metric.compute()).toEqual([1, 0]);
});

test("a configuration makes them by torchmetrics' names, with or without a task", () => {
  const make = (name: string, args: readonly unknown[], kwargs: Record<string, unknown>) =>
    metricTargets[name]?.invoke(args, kwargs) as MultilabelF1Score;
  const named = make("torchmetrics.classification.MultilabelF1Score", [], { num_labels: 3, validate_args: false });
  expect(named.options).toMatchObject({ numLabels: 3, average: "macro" });
  const byTask = make("torchmetrics.F1Score", [], {
    task: "multilabel",
    num_labels: 3,
    threshold: 0.4,
    num_classes: null,
  });
  expect(byTask).toBeInstanceOf(MultilabelF1Score);
  expect(byTask.options).toMatchObject({ threshold: 0.4, average: "micro" });
  expect(() => make("torchmetrics.F1Score", [], { task: "multiclass", num_classes: 3, num_labels: 3 })).toThrow(
    "num_labels",
  );
  expect(() => make("torchmetrics.classification.MultilabelConfusionMatrix", [], {})).toThrow("not built in");
});
