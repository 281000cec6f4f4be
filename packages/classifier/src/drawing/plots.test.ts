import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConfusionCell } from "@classifier-training/runs";
import sharp from "sharp";
import { afterAll, expect, test, vi } from "vitest";
import { BackgroundPlots } from "./background-plots.ts";
import { series } from "./colors.ts";
import { reliabilityDiagram, riskCoverageChart } from "./confidence-plots.ts";
import { drawable } from "./fonts.ts";
import type { LineChart } from "./line-chart.ts";
import { drawPlot, type Plot } from "./plots.ts";
import { drawableNames, fitted, measureAt } from "./text.ts";

vi.setConfig({ testTimeout: 30_000 });

const dir = mkdtempSync(join(tmpdir(), "plots a b ü"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Of each class 4 are right and one is predicted as the next class. */
function matrix(classes: number): Plot {
  const cells: ConfusionCell[] = Array.from({ length: classes }, (_, label) => [
    { label, predicted: label, count: 4 },
    { label, predicted: (label + 1) % classes, count: 1 },
  ]).flat();
  const names = Array.from({ length: classes }, (_, i) => (i === 1 ? "x".repeat(10_000) : `class ${i}`));
  return { kind: "confusionMatrix", data: { cells, names, title: "Confusion matrix, epoch 1", about: "top-1 80.0%" } };
}

async function pixelsOf(png: Buffer) {
  const { data, info } = await sharp(png).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  /** How many pixels have a color. */
  const count = (hex: string) => {
    const color = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
    let found = 0;
    for (let i = 0; i < data.length; i += 3)
      if (data[i] === color[0] && data[i + 1] === color[1] && data[i + 2] === color[2]) found++;
    return found;
  };
  return { width: info.width, height: info.height, count };
}

test.each([2, 10, 60, 61, 1000, 20_000])(
  "a confusion matrix of %d classes has no side above 2,500 px",
  async (classes) => {
    const { width, height, count } = await pixelsOf(drawPlot(matrix(classes)));
    expect(Math.min(width, height)).toBeGreaterThan(400);
    expect(Math.max(width, height)).toBeLessThanOrEqual(2500);
    // The bars of the most confused pairs are there above 60 classes only.
    expect(count("#b03f05") > 0).toBe(classes > 60);
  },
);

test("of more than 60 labels those of the lowest F1 are plotted", async () => {
  const reports = Array.from({ length: 300 }, (_, i) => ({ tp: 3, fp: 1, fn: 2, tn: 9, f1: i / 300, threshold: 0.5 }));
  const data = { reports, names: reports.map((_, i) => `label ${i}`), title: "title", about: "mAP 50%" };
  const { height, count } = await pixelsOf(drawPlot({ kind: "labelConfusions", data }));
  expect(height).toBeLessThanOrEqual(2500);
  // F1 below 0.5 in orange, none of the others in blue.
  expect(count("#b03f05")).toBeGreaterThan(0);
  expect(count("#17649c")).toBe(0);
});

test("names are measured and lose their middle; those that no font has are shown by index", () => {
  const measure = measureAt(16);
  for (const name of ["short", "a long name of a class that ends with 17", "i".repeat(99), "W".repeat(99)]) {
    const shown = fitted(name, 150, measure);
    expect(measure(shown)).toBeLessThanOrEqual(150);
    if (shown !== name) expect(shown).toMatch(/^(.+)…(.+)$/);
    if (shown !== name)
      expect(name.startsWith(shown.split("…")[0] ?? "?") && name.endsWith(shown.split("…")[1] ?? "?")).toBe(true);
  }
  expect(["Łódź", "Ελληνικά", "Кириллица Ў", "Tiếng Việt"].map(drawable)).toEqual([true, true, true, true]);
  // A code point that no font has.
  const { names, notices } = drawableNames(["cat\ndog", "a\u{10fff0}"]);
  expect(names).toEqual(["cat dog", "#1"]);
  expect(notices.join("\n")).toMatch(/1 name is shown as #index[\s\S]*CLASSIFIER_FONT/);
});

const chart = (given: Partial<LineChart>): Plot => {
  const data: LineChart = {
    title: "Loss",
    xLabel: "epoch",
    yLabel: "loss",
    x: [1, 2, 3, 4],
    lines: [
      { label: "train loss", values: [4, 3, 2, 2], color: 0, split: "train" },
      { label: "val loss", values: [4, 3, null, 2], color: 1, split: "val" },
    ],
    ...given,
  };
  return { kind: "lineChart", data };
};

test("in a line chart training is dashed, and one epoch, NaN and gaps are plotted", async () => {
  const plain = await pixelsOf(drawPlot(chart({})));
  const [dashed, solid] = [plain.count(series[0]), plain.count(series[1])];
  // The same way, with gaps.
  expect(solid).toBeGreaterThan(1.2 * dashed);
  expect(dashed).toBeGreaterThan(500);
  const line = (values: (number | null)[]) => [{ label: "val", values, color: 0, split: "val" as const }];
  const one = await pixelsOf(drawPlot(chart({ x: [7], lines: line([0.5]), isPercent: true })));
  expect(one.count(series[0])).toBeGreaterThan(20);
  const failed = await pixelsOf(drawPlot(chart({ lines: line([4, Number.NaN, 3, 2]) })));
  const whole = await pixelsOf(drawPlot(chart({ lines: line([4, 3.5, 3, 2]) })));
  expect(failed.count(series[0])).toBeLessThan(whole.count(series[0]));
  const none = await pixelsOf(drawPlot(chart({ lines: line([Number.NaN, null, null, null]) })));
  expect(none.width).toBe(1500);
});

test("confidence is plotted as reliability and as risk by coverage, of one sample, too", async () => {
  const confidence = Array.from({ length: 3000 }, (_, i) => (i + 1) / 3000);
  for (const [given, right] of [
    [confidence, confidence.map((_, i) => i % 3 !== 0)],
    [[0.5], [true]],
  ] as const) {
    const reliability = reliabilityDiagram(given, right, "Reliability");
    expect(reliability.x.at(0)).toBe(0);
    expect(reliability.x.at(-1)).toBe(1);
    const risk = riskCoverageChart(given, right, "Risk");
    expect(risk.x.length).toBeLessThanOrEqual(1001);
    expect(risk.x.at(-1)).toBe(1);
    for (const data of [reliability, risk])
      expect((await pixelsOf(drawPlot({ kind: "lineChart", data }))).count(series[0])).toBeGreaterThan(10);
  }
});

test("plots are made in another thread as in this one, the last one of a file, and a failure is thrown once", async () => {
  const plots = new BackgroundPlots();
  const path = join(dir, "matrix.png");
  const made: Buffer[] = [];
  for (const classes of [2, 3, 4]) plots.add(matrix(classes), path, (png) => void made.push(png));
  await plots.settle();
  // The one between was not started: a newer one had come.
  expect(made.length).toBe(2);
  expect(readFileSync(path).equals(made.at(-1) as Buffer)).toBe(true);
  expect(made.at(-1)?.equals(drawPlot(matrix(4)))).toBe(true);
  writeFileSync(join(dir, "file"), "");
  plots.add(matrix(2), join(dir, "file", "matrix.png"));
  await expect(plots.settle()).rejects.toThrow(/EEXIST|ENOTDIR/);
  await plots.settle();
});
