import { Rng } from "@classifier-training/base";
import { expect, test } from "vitest";
import { fitTemperature } from "./temperature.ts";

/** Samples whose labels are sampled from the softmax of their logits, which are then multiplied. */
function samples(factor: number, n = 4000, classes = 5) {
  const random = Rng.at("temperature");
  const labels: number[] = [];
  const logits = Array.from({ length: n }, () => {
    const row = Float32Array.from({ length: classes }, () => 4 * random.uniform(-1, 1));
    const weights = row.map(Math.exp);
    const total = weights.reduce((a, b) => a + b, 0);
    const at = random.uniform(0, 1) * total;
    const sums = weights.map((_, k) => weights.slice(0, k + 1).reduce((a, b) => a + b, 0));
    labels.push(
      Math.max(
        0,
        sums.findIndex((sum) => at < sum),
      ),
    );
    return row.map((value) => factor * value);
  });
  return { logits, labels };
}

function negativeLogLikelihood({ logits, labels }: ReturnType<typeof samples>, temperature: number): number {
  return logits.reduce((sum, row, i) => {
    const scaled = Array.from(row, (value) => value / temperature);
    const total = Math.log(scaled.reduce((all, value) => all + Math.exp(value), 0));
    return sum + total - (scaled[labels[i] as number] as number);
  }, 0);
}

test.each([0.3, 1, 2.5])(
  "logits that are %d times too large have that temperature, the minimum of the likelihood",
  (factor) => {
    const given = samples(factor);
    const temperature = fitTemperature(given.logits, given.labels);
    expect(Math.abs(temperature / factor - 1)).toBeLessThan(0.1);
    const at = (t: number) => negativeLogLikelihood(given, t);
    for (const other of [0.9, 0.999, 1.001, 1.1]) expect(at(temperature)).toBeLessThan(at(other * temperature));
  },
);

test("without errors, samples or finite logits there is nothing to fit; impossible classes are left out", () => {
  expect(fitTemperature([], [])).toBe(1);
  expect(
    fitTemperature(
      [
        [3, 1],
        [0, 2],
      ],
      [0, 1],
    ),
  ).toBe(1);
  expect(
    fitTemperature(
      [
        [3, Number.NaN],
        [0, 2],
      ],
      [0, 0],
    ),
  ).toBe(1);
  const rows = [
    [3, 1],
    [3, 1],
    [3, 1],
    [1, 3],
  ];
  const labels = [0, 1, 0, 1];
  const fitted = fitTemperature(rows, labels);
  expect(fitted).toBeCloseTo(2 / Math.log(3), 6);
  expect(
    fitTemperature(
      rows.map((row) => [...row, Number.NEGATIVE_INFINITY]),
      labels,
    ),
  ).toBeCloseTo(fitted, 9);
});
