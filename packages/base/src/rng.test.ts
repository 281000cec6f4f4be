import { expect, test } from "vitest";
import { Rng } from "./rng.ts";

test("a key names one stream, whatever else is sampled", () => {
  const samples = () =>
    Array.from(
      { length: 9 },
      (
        (rng) => () =>
          rng.uint32()
      )(Rng.at(42, 3, 17, "transforms.0")),
    );
  const first = samples();
  Rng.at(42, 3, 18, "transforms.0").uint32();
  expect(samples()).toEqual(first);
  expect(Rng.at(42, 3, 18, "transforms.0").uint32()).not.toBe(first[0]);
  expect(Rng.at(42, 31, 7).uint32()).not.toBe(Rng.at(42, 3, 17).uint32());
});

test("uniform, integer and normal samples have their distributions", () => {
  const rng = Rng.at(1);
  const n = 20_000;
  const uniform = Array.from({ length: n }, () => rng.uniform());
  const normal = Array.from({ length: n }, () => rng.normal());
  const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  expect(Math.min(...uniform)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...uniform)).toBeLessThan(1);
  expect(mean(uniform)).toBeCloseTo(0.5, 1);
  expect(mean(normal)).toBeCloseTo(0, 1);
  expect(mean(normal.map((v) => v * v))).toBeCloseTo(1, 1);
  const counts = [0, 0, 0];
  for (let i = 0; i < n; i++) counts[rng.integer(3)]!++;
  for (const count of counts) expect(Math.abs(count - n / 3)).toBeLessThan(400);
});

test("a permutation holds each index once", () => {
  const order = Rng.at(7, "shuffle").permutation(100);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect([...order]).not.toEqual(Array.from({ length: 100 }, (_, i) => i));
});
