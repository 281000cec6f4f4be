import { appendFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  epochFolder,
  epochOfFolder,
  evaluationPaths,
  MetricsReader,
  MetricsWriter,
  readPredictions,
  runPaths,
  writePredictions,
} from "@classifier-training/runs";
import { expect, test } from "vitest";

const folder = () => mkdtempSync(join(tmpdir(), "run-files-"));

test("predictions are read back as they were written, whatever the names of images and classes", () => {
  const path = join(folder(), evaluationPaths.predictions);
  const rows = [
    { sample: 'a, "b".jpg', true: "cat\ndog", predicted: "__proto__", confidence: 0.25 },
    { sample: "c.jpg", true: "7", predicted: "10", confidence: Number.NaN },
  ];
  writePredictions(path, rows);
  expect(readPredictions(path).map(({ row }) => row)).toEqual([
    { ...rows[0], confidence: "0.250000" },
    { ...rows[1], confidence: "NaN" },
  ]);
});

test("a table without the columns of predictions is refused with those that it has", () => {
  const path = join(folder(), evaluationPaths.predictions);
  writeFileSync(path, "image,label\na.jpg,cat\n");
  expect(() => readPredictions(path)).toThrow(
    /expected the columns sample, true, predicted, received image, label\n {2}where: .*predictions\.csv:2/,
  );
});

test("a damaged row of metrics does not hide the others", () => {
  const path = join(folder(), runPaths.metrics);
  const writer = new MetricsWriter(path);
  writer.append({ step: 0, loss: 1 });
  writer.close();
  appendFileSync(path, '"0.5,1\n0.25,2\n');
  const { rows } = new MetricsReader(path).poll();
  expect(rows[0]).toEqual({ step: 0, loss: 1 });
  expect(rows[2]).toEqual({ step: 2, loss: 0.25 });
});

test("an epoch's folder says which epoch it is, also beyond 999", () => {
  for (const epoch of [0, 7, 999, 1000]) expect(epochOfFolder(epochFolder(epoch))).toBe(epoch);
  for (const name of ["epoch_7", "epoch_007x", "validate"]) expect(epochOfFolder(name)).toBeUndefined();
});
