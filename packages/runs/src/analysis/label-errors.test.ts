import { Rng } from "@classifier-training/base";
import { expect, test } from "vitest";
import { labelSuspects } from "./label-errors.ts";

test("a class is plausible that reaches the mean self-confidence of its samples", () => {
  const rows = (values: readonly (readonly [label: number, p0: number])[]) =>
    values.map(([label, p]) => ({
      label,
      probabilities: new Map([
        [0, p],
        [1, 1 - p],
      ]),
    }));
  // Means of self-confidence: 0.6 for class 0, 0.8 for class 1.
  const suspects = labelSuspects(
    rows([
      [0, 0.95],
      [0, 0.85],
      [0, 0.15],
      [0, 0.45],
      [1, 0.1],
      [1, 0.3],
      [1, 0.2],
      [0, 0.6],
    ]),
  );
  expect(suspects).toEqual([
    { index: 2, label: 0, suggested: 1, selfConfidence: 0.15, isConfident: true },
    // The other class is the more probable one, but its samples look more like it.
    { index: 3, label: 0, suggested: 1, selfConfidence: 0.45, isConfident: false },
  ]);
});

test("of 5% planted label errors at least 80% are found, and half of the list down to there are some", () => {
  const classes = 10;
  const rng = Rng.at(7, "planted");
  const planted = new Set<number>();
  const predictions = Array.from({ length: 2000 }, (_, i) => {
    const truth = i % classes;
    const isWrong = rng.uniform() < 0.05;
    if (isWrong) planted.add(i);
    // A model that is right of 85% of the samples, with the probabilities of a softmax.
    const logits = Array.from({ length: classes }, (_, k) => 1.2 * rng.normal() + (k === truth ? 4 : 0));
    const total = logits.reduce((sum, value) => sum + Math.exp(value), 0);
    const label = isWrong ? (truth + 1 + rng.integer(classes - 1)) % classes : truth;
    return { label, probabilities: new Map(logits.map((value, k) => [k, Math.exp(value) / total])) };
  });
  const suspects = labelSuspects(predictions);
  const hits = (list: typeof suspects) => list.filter(({ index }) => planted.has(index)).length;
  const list = suspects.slice(0, 2 * Math.floor(0.8 * planted.size));
  expect(hits(list) / planted.size).toBeGreaterThan(0.8);
  expect(hits(list) / list.length).toBeGreaterThan(0.5);
  const confident = suspects.filter(({ isConfident }) => isConfident);
  expect(hits(confident) / confident.length).toBeGreaterThan(0.9);
  expect(confident.length).toBeGreaterThan(planted.size / 2);
});
