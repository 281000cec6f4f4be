import { expect, test } from "vitest";
import { softmax } from "./top-k.ts";
import { legibility, vote } from "./vote.ts";

const answer = (row: Float32Array, temperature = 1) => softmax(row, temperature);
const best = (row: Float32Array) => row.indexOf(Math.max(...row));

test("the vote of one image, or of equal ones, is its own answer, at any temperature", () => {
  const row = Float32Array.of(2, -1, 0.5);
  for (const temperature of [0.5, 1, 3])
    for (const rows of [[row], [row, row, row]])
      for (const [k, p] of answer(vote(rows, temperature), temperature).entries())
        expect(p).toBeCloseTo(softmax(row, temperature)[k] as number, 5);
});

test("a legible image outvotes two that can hardly be read, and two readable ones outvote one", () => {
  const sure = Float32Array.of(4, 0, 0);
  const unsure = Float32Array.of(0, 0.5, 0);
  expect(legibility(sure, 1)).toBeGreaterThan(2 * legibility(unsure, 1));
  expect(best(vote([sure, unsure, unsure], 1))).toBe(0);
  expect(best(vote([sure, Float32Array.of(0, 4, 0), Float32Array.of(0, 4, 0)], 1))).toBe(1);
});

test("no image excludes a class, not even one with a logit of minus infinity", () => {
  const never = Float32Array.of(Number.NEGATIVE_INFINITY, 1, 0);
  const others = Array.from({ length: 5 }, () => Float32Array.of(8, 0, 0));
  const row = vote([never, ...others], 1);
  expect([...row].every(Number.isFinite)).toBe(true);
  expect(best(row)).toBe(0);
});
