import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  MetricsWriter,
  readAnnotations,
  readLatestRow,
  runPaths,
  TimelineReader,
  TimelineWriter,
  writeAnnotations,
} from "@classifier-training/runs";
import { afterEach, beforeEach, expect, test } from "vitest";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "notes a b ü"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("a timeline has a line a second, counts the starts, and survives a truncated line", () => {
  const path = join(dir, runPaths.timeline);
  const first = new TimelineWriter(path);
  for (let step = 5; step < 1000; step++) first.note(step);
  const before = new TimelineReader(path).poll();
  expect(before.steps[0]).toBe(5);
  expect(before.steps.length).toBeLessThan(5);
  expect(Math.abs((before.times[0] ?? 0) - Date.now() / 1000)).toBeLessThan(60);
  expect(before.resumed).toEqual([]);
  new TimelineWriter(path).note(3);
  appendFileSync(path, "900,17");
  expect(new TimelineReader(path).poll()).toMatchObject({ steps: [...before.steps, 3], resumed: [3] });
  rmSync(path);
  expect(new TimelineReader(path).poll()).toEqual({ steps: [], times: [], resumed: [] });
});

test("a timeline is followed: what was added, and another file in its place", () => {
  const path = join(dir, runPaths.timeline);
  const reader = new TimelineReader(path);
  expect(reader.poll().steps).toEqual([]);
  appendFileSync(path, "step,time,start\n1,10,0\n2,1");
  expect(reader.poll()).toMatchObject({ steps: [1], times: [10] });
  appendFileSync(path, "1,0\n2,12,1\n");
  expect(reader.poll()).toEqual({ steps: [1, 2, 2], times: [10, 11, 12], resumed: [2] });
  rmSync(path);
  writeFileSync(path, "step,time,start\n7,20,0\n");
  expect(reader.poll()).toEqual({ steps: [7], times: [20], resumed: [] });
});

test("a timeline that cannot be written does not stop a training", () => {
  mkdirSync(join(dir, "timeline-is-a-folder", runPaths.timeline), { recursive: true });
  writeFileSync(join(dir, "file"), "");
  new TimelineWriter(join(dir, "file", runPaths.timeline)).note(1);
  expect(existsSync(join(dir, "file", runPaths.timeline))).toBe(false);
});

test("the latest row has the newest value of each column, of short and of long files", () => {
  const path = join(dir, runPaths.metrics);
  expect(readLatestRow(path)).toEqual({});
  const writer = new MetricsWriter(path);
  writer.append({ step: 0, "train/loss": 3, "val/acc, top 1": 0.5 });
  writer.append({ step: 1, "train/loss": Number.NaN });
  expect(readLatestRow(path)).toEqual({ step: 1, "train/loss": Number.NaN, "val/acc, top 1": 0.5 });
  writeFileSync(
    path,
    `step,train/loss\n${Array.from({ length: 20_000 }, (_, i) => `${i},${i / 2}\n`).join("")}20000,1`,
  );
  expect(readLatestRow(path)).toEqual({ step: 19_999, "train/loss": 9999.5 });
});

test("annotations are written beside the run, and a wrong or damaged file counts as empty", () => {
  const none = { name: "", tags: [], notes: "", archived: false };
  expect(readAnnotations(dir)).toEqual(none);
  writeAnnotations(dir, { name: "  baseline ", tags: ["a b", "ü"] });
  expect(readAnnotations(dir)).toEqual({ ...none, name: "baseline", tags: ["a b", "ü"] });
  expect(() => writeAnnotations(dir, { tags: [""] })).toThrow(/tags/);
  expect(JSON.parse(readFileSync(join(dir, runPaths.annotations), "utf8")).name).toBe("baseline");
  writeFileSync(join(dir, runPaths.annotations), "{");
  expect(readAnnotations(dir)).toEqual(none);
});
