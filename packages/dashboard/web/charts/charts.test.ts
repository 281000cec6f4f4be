import { curveColors } from "@classifier-training/base";
import { expect, test } from "vitest";
import { chartSections, classPrefixes } from "./chart-groups.ts";
import { bestPoint, positions, rangeWithoutOutliers, smoothed, spread } from "./curves.ts";
import { importances, ranks } from "./importance.ts";
import { maxApart, styleOf } from "./marks.ts";

test("loss and the main metric come first, splits share a chart, and single classes are left out", () => {
  const names = [
    ...["val/acc_class_0", "lr-AdamW", "val/loss", "train/loss_step", "train/loss_epoch", "val/acc_top5", "val/f1"],
    ...["train/acc_top1", "val/acc_top1", "system/cpu", "grad_norm_step", "custom"],
  ];
  const sections = chartSections(names, ["val/f1"]);
  expect(sections.map(({ title, charts }) => [title, charts.map((chart) => chart.title)])).toEqual([
    ["Main", ["loss", "acc_top1", "f1"]],
    ["Metrics", ["acc_top5"]],
    ["Other", ["custom", "grad_norm_step"]],
    ["Learning rate", ["lr-AdamW"]],
    ["system", ["system/cpu"]],
  ]);
  expect(sections[0]?.charts[0]?.metrics).toEqual([
    { name: "train/loss_epoch", split: "train", isStep: false },
    { name: "train/loss_step", split: "train", isStep: true },
    { name: "val/loss", split: "val", isStep: false },
  ]);
  expect(classPrefixes(["train/acc_class_1", "val/acc_class_0", "val/acc_class_1"])).toEqual([
    "val/acc_class_",
    "train/acc_class_",
  ]);
});

test("steps lie on each axis where the run noted them, and a repeated step where it was done last", () => {
  const clock = {
    epochs: { steps: [0, 4, 8], epochs: [0, 1, 2] },
    timeline: { steps: [0, 4, 2, 8], times: [100, 3700, 7300, 10_900] },
  };
  expect(positions([0, 2, 4, 10], "epoch", clock)).toEqual([0, 0.5, 1, 2.5]);
  expect(positions([0, 2, 8], "wall", clock)).toEqual([100, 7300, 10_900]);
  expect(positions([0, 2, 8], "relative", clock)).toEqual([0, 2, 3]);
  const nothing = { epochs: { steps: [], epochs: [] }, timeline: { steps: [], times: [] } };
  expect(positions([1], "epoch", nothing)).toBeUndefined();
  expect(positions([1], "wall", nothing)).toBeUndefined();
  expect(positions([1], "step", nothing)).toEqual([1]);
});

test("smoothing has no bias at its start and passes over what is not finite", () => {
  expect(smoothed([4, 4, Number.NaN, 4], 0.9)).toEqual([4, 4, Number.NaN, 4]);
  const [, second = 0] = smoothed([1, 3], 0.9);
  expect(second).toBeCloseTo((0.9 * 1 + 3) / 1.9, 12);
});

test("outliers are left out of the range, the best value is finite, and a spread has its ends", () => {
  const values = [...Array.from({ length: 98 }, (_, i) => i), 1e9, -1e9];
  const [low = 0, high = 0] = rangeWithoutOutliers(values) ?? [];
  expect([low, high]).toEqual([1, 96]);
  expect(bestPoint({ x: [0, 1, 2], y: [Number.NaN, 2, 1] }, "min")).toEqual({ x: 2, y: 1 });
  expect(bestPoint({ x: [0], y: [Number.NaN] }, "min")).toBeUndefined();
  const both = spread([
    { x: [0, 2], y: [0, 2] },
    { x: [0, 1, 2, 3], y: [2, 4, 4, 8] },
  ]);
  expect(both).toEqual({ x: [0, 1, 2, 3], y: [1, 2.5, 3, 8], low: [0, 1, 2, 8], high: [2, 4, 4, 8] });
});

test("importance finds the parameter that matters, and no other", () => {
  const trials = Array.from({ length: 40 }, (_, i) => ({
    values: { lr: 10 ** -(i % 5), name: i % 2 === 0 ? "a" : "b", noise: (i * 7919) % 101 },
    metric: (i % 5) + ((i * 31) % 7) / 20,
  }));
  const [first, ...others] = importances(["noise", "lr", "name"], trials);
  expect(first).toMatchObject({ name: "lr", n: 40 });
  expect(first?.explained).toBeGreaterThan(0.9);
  expect(first?.correlation).toBeLessThan(-0.95);
  for (const { explained } of others) expect(explained).toBeLessThan(0.3);
  expect(ranks([5, 1, 5])).toEqual([2.5, 1, 2.5]);
});

test.each(["light", "dark"] as const)("%s: twenty-four curves have a color or a shape of their own", (theme) => {
  const places = Array.from({ length: maxApart }, (_, place) => styleOf(place, theme));
  expect(maxApart).toBe(24);
  expect(new Set(places.map(({ color, mark }) => `${color} ${mark}`)).size).toBe(maxApart);
  // Of one shape there are only colors that the palette's simulation of color blindness holds apart.
  for (const shape of ["none", "triangle", "square"])
    expect(places.filter(({ mark }) => mark === shape).map(({ color }) => color)).toEqual(curveColors[theme]);
  expect(styleOf(maxApart, theme)).toEqual(places[0]);
});
