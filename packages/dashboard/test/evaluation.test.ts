import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dashboard, startDashboard } from "@classifier-training/dashboard";
import {
  dropPredictionDetails,
  epochFolder,
  evaluationPaths,
  joinLabels,
  type PredictionRow,
  runPaths,
  writeDataAnalysis,
  writePredictions,
  writeSplitRecord,
} from "@classifier-training/runs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type {
  ClassesReply,
  ConfusionReply,
  EvaluationList,
  EvaluationSummary,
  PairedReply,
  SamplesReply,
} from "../src/evaluation-types.ts";
import { writeEvaluation } from "./evaluations-on-disk.ts";
import { writeRun } from "./runs-on-disk.ts";

vi.setConfig({ testTimeout: 30_000 });

const names = Array.from({ length: 12 }, (_, i) => (i === 3 ? "__proto__" : i === 4 ? "<img onerror>" : `class ${i}`));
let root: string;
let dashboard: Dashboard;
let rows: readonly PredictionRow[];

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "evaluations a b ü-"));
  const first = writeRun(join(root, "first"), { classes: names, epochs: 3 });
  for (const epoch of [0, 1])
    writeEvaluation(join(first.dir, epochFolder(epoch)), {
      classes: names,
      samples: 330,
      level: 0.5,
      nanEvery: epoch === 1 ? 10 : 0,
    });
  rows = writeEvaluation(join(first.dir, epochFolder(2)), { classes: names, samples: 330, hasDetails: true });
  const second = writeRun(join(root, "second"), {
    classes: names,
    record: { continues: { id: "x", dir: "../first", checkpoint: "last.ckpt", epoch: 1, step: 8 } },
  });
  writeEvaluation(join(second.dir, epochFolder(2)), { classes: names, samples: 330, level: 0.5 });
  const many = Array.from({ length: 1000 }, (_, i) => `synset ${i}`);
  writeEvaluation(join(writeRun(join(root, "many"), { classes: many }).dir, epochFolder(0)), {
    classes: many,
    samples: 100_000,
    hasDetails: true,
  });
  const outside = writeRun(join(root, "outside"), {
    record: { continues: { id: "x", dir: "../..", checkpoint: "last.ckpt", epoch: 1, step: 8 } },
  });
  writeFileSync(join(outside.dir, "note.txt"), "nothing evaluated");
  dashboard = await startDashboard({ root, port: 0 });
  await dashboard.ready;
});
afterAll(async () => {
  await dashboard?.close();
  rmSync(root, { recursive: true, force: true });
});

async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${dashboard.url}api/${path}`);
  expect(response.status, path).toBe(200);
  return (await response.json()) as T;
}

test("the evaluations of a run are listed, with those of the run that it resumed, and none from elsewhere", async () => {
  const { evaluations } = await get<EvaluationList>("runs/second/evaluations");
  expect(evaluations.map(({ id, epoch, isBest }) => [id, epoch, isBest])).toEqual([
    ["epoch_000", 0, false],
    ["epoch_001", 1, false],
    ["epoch_002", 2, true],
  ]);
  expect((await get<EvaluationList>("runs/outside/evaluations")).evaluations).toEqual([]);
});

test("a link that leads out of the folder of the runs is not an evaluation", async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), "elsewhere-"));
  writeEvaluation(elsewhere, { classes: names, samples: 12 });
  const { dir } = writeRun(join(root, "linked"), { classes: names });
  symlinkSync(elsewhere, join(dir, epochFolder(0)));
  expect((await get<EvaluationList>("runs/linked/evaluations")).evaluations).toEqual([]);
  rmSync(elsewhere, { recursive: true });
});

test("details are read when they are written, and forgotten when they are dropped", async () => {
  const { dir } = writeRun(join(root, "details"), { classes: names });
  const folder = join(dir, epochFolder(0));
  const lossOf = async () =>
    (await get<SamplesReply>("runs/details/evaluations/epoch_000/samples?limit=1")).samples[0]?.loss;
  writeEvaluation(folder, { classes: names, samples: 12 });
  expect(await lossOf()).toBeUndefined();
  writeEvaluation(folder, { classes: names, samples: 12, hasDetails: true });
  expect(await lossOf()).toBeGreaterThan(0);
  dropPredictionDetails(join(folder, evaluationPaths.predictions));
  expect(await lossOf()).toBeUndefined();
});

test("the confusion matrix is that of the predictions, whatever the classes are called", async () => {
  const { names: shown, cells } = await get<ConfusionReply>("runs/first/evaluations/epoch_002/confusion");
  expect(shown).toEqual(names);
  const counts = new Map<string, number>();
  for (const row of rows)
    counts.set(`${row.true} ${row.predicted}`, (counts.get(`${row.true} ${row.predicted}`) ?? 0) + 1);
  const sent = Array.from({ length: cells.length / 3 }, (_, i) => [
    `${shown[cells[3 * i] as number]} ${shown[cells[3 * i + 1] as number]}`,
    cells[3 * i + 2],
  ]);
  expect(Object.fromEntries(sent)).toEqual(Object.fromEntries(counts));
});

test("classes have intervals, and an empty one has no values", async () => {
  const { classes } = await get<ClassesReply>("runs/first/evaluations/epoch_002/classes");
  expect(classes.map(({ name }) => name)).toEqual(names);
  const [first] = classes;
  const own = rows.filter((row) => row.true === "class 0");
  const right = own.filter((row) => row.predicted === "class 0").length;
  expect(first).toMatchObject({ support: own.length, correct: right, recall: { value: right / own.length } });
  const { precision, recall, f1 } = first as (typeof classes)[number];
  const [p, r] = [precision.value as number, recall.value as number];
  expect(f1.value).toBeCloseTo((2 * p * r) / (p + r), 10);
  expect(f1.low).toBeLessThan(f1.value as number);
  expect(f1.high).toBeGreaterThan(f1.value as number);
  expect(classes.at(-1)).toMatchObject({ support: 0, recall: { value: null }, f1: { value: null } });
});

test("the summary leaves out what has no confidence, and says of how many", async () => {
  const summary = await get<EvaluationSummary>("runs/first/evaluations/epoch_001/summary");
  expect(summary).toMatchObject({ notFinite: 33, accuracy: { n: 330 }, slices: [] });
  expect(summary.calibration.bins.reduce((sum, { count }) => sum + count, 0)).toBe(297);
  const detailed = await get<EvaluationSummary>("runs/first/evaluations/epoch_002/summary");
  expect(detailed.slices.map(({ key, value, accuracy }) => [key, value, accuracy.n])).toEqual(
    expect.arrayContaining([
      ["camera", "night", 30],
      ["camera", "day", 300],
    ]),
  );
});

test("samples are filtered by cell, class, slice and confidence, and paged", async () => {
  const ask = (query: string) => get<SamplesReply>(`runs/first/evaluations/epoch_002/samples?${query}`);
  const errors = await ask("wrong=1&limit=5");
  const wrong = rows.filter((row) => row.true !== row.predicted).sort((a, b) => b.confidence - a.confidence);
  expect(errors.total).toBe(wrong.length);
  expect(errors.samples.map(({ sample }) => sample)).toEqual(wrong.slice(0, 5).map(({ sample }) => sample));
  expect(errors.samples[0]?.topK?.[0]?.[0]).toBe(wrong[0]?.predicted);
  expect((await ask("wrong=1&limit=5&offset=3")).samples[0]).toEqual(errors.samples[3]);
  const cell = await ask("true=__proto__&predicted=%3Cimg%20onerror%3E");
  expect(cell.total).toBe(rows.filter((row) => row.true === "__proto__" && row.predicted === "<img onerror>").length);
  expect((await ask("key=camera&value=night")).total).toBe(30);
  const bin = await ask("low=0.8&high=0.9");
  expect(bin.samples.every(({ confidence }) => (confidence as number) > 0.8 && (confidence as number) <= 0.9)).toBe(
    true,
  );
  expect((await ask("true=no%20such%20class")).total).toBe(0);
});

test("two runs are compared on the same samples: by path, and by content where they have moved", async () => {
  const compare = (query: string) =>
    get<PairedReply>(`compare/predictions?a=first&ea=epoch_002&b=second&eb=epoch_002${query}`);
  const reply = await compare("&side=onlyA&limit=3");
  const { onlyA, onlyB, both, neither } = reply.sides;
  expect(onlyA + onlyB + both + neither).toBe(330);
  expect(reply).toMatchObject({
    n: 330,
    pairedBy: "path",
    isSignificant: true,
    accuracy: { a: { successes: onlyA + both } },
  });
  expect(reply.samples).toHaveLength(3);
  expect(reply.samples.every(({ a, b }) => !a.isWrong && b.isWrong && a.sample === b.sample)).toBe(true);
  const moved = ["one", "two"].map((name, i) => {
    const dataRoot = join(root, `data ${name}`);
    const { dir } = writeRun(join(root, name), { classes: names, record: { cwd: root, dataRoot } });
    const labels = ["x", "y"];
    writeSplitRecord(join(dir, runPaths.split), {
      formatVersion: 1,
      digest: "d",
      by: { valFraction: 0.2, testFraction: 0, seed: 1 },
      samples: labels.map((label) => ({ path: `${label}${i}.png`, content: `hash of ${label}`, split: "val" })),
    });
    writePredictions(
      join(dir, epochFolder(0), evaluationPaths.predictions),
      labels.map((label) => ({
        sample: `data ${name}/${label}${i}.png`,
        true: "class 0",
        predicted: i === 0 ? "class 0" : "class 1",
        confidence: 0.5,
      })),
    );
    return name;
  });
  const content = await get<PairedReply>(`compare/predictions?a=${moved[0]}&ea=epoch_000&b=${moved[1]}&eb=epoch_000`);
  expect(content).toMatchObject({ n: 2, pairedBy: "content", sides: { onlyA: 2, onlyB: 0 } });
});

test("of several labels an image the classes have what is missing and too much, and there is no confusion matrix", async () => {
  const { dir } = writeRun(join(root, "labels"), { classes: ["sea", "a|b", "sky"] });
  const folder = join(dir, epochFolder(0));
  const counted = (label: string[], guess: string[]) => {
    const tp = guess.filter((name) => label.includes(name)).length;
    return {
      true: joinLabels(label),
      predicted: joinLabels(guess),
      confidence: 0.8,
      counts: { tp, fp: guess.length - tp, fn: label.length - tp },
    };
  };
  writePredictions(join(folder, evaluationPaths.predictions), [
    { sample: "0.png", ...counted(["sea", "sky"], ["sea"]) },
    { sample: "1.png", ...counted(["sky"], ["sky", "a|b"]) },
    { sample: "2.png", ...counted([], []) },
  ]);
  writeFileSync(
    join(folder, evaluationPaths.classReport),
    "class,precision,recall,f1,support,ap,threshold\nsea,1,1,1,1,0.75,0.5\nsky,1,0.5,0.66,2,,0.5\n",
  );
  writeFileSync(join(folder, evaluationPaths.confusionCounts), "class,tp,fp,fn,tn\nsea,1,0,0,2\n");
  const { isMultilabel, classes } = await get<ClassesReply>("runs/labels/evaluations/epoch_000/classes");
  expect(isMultilabel).toBe(true);
  expect(classes.map(({ name, support, claimed, correct, ap }) => [name, support, claimed, correct, ap])).toEqual([
    ["sea", 1, 1, 1, 0.75],
    ["a|b", 0, 1, 0, undefined],
    ["sky", 2, 1, 1, undefined],
  ]);
  const wrong = await get<SamplesReply>("runs/labels/evaluations/epoch_000/samples?wrong=1&true=sky");
  expect(wrong.samples.map(({ predicted, counts }) => [predicted, counts?.fp, counts?.fn])).toEqual([
    ["sea", 0, 1],
    ["sky, a|b", 1, 0],
  ]);
  const response = await fetch(`${dashboard.url}api/runs/labels/evaluations/epoch_000/confusion`);
  expect(((await response.json()) as { error: string }).error).toContain("see Classes");
});

test("100,000 predictions of 1,000 classes are answered with less than a second of computing", async () => {
  await get("runs/many/evaluations/epoch_000/samples?limit=1");
  for (const part of ["confusion", "classes", "summary", "samples?wrong=1", "samples?order=loss&offset=90000"]) {
    const start = process.cpuUsage();
    await get(`runs/many/evaluations/epoch_000/${part}`);
    const { user, system } = process.cpuUsage(start);
    expect((user + system) / 1e6, part).toBeLessThan(1);
  }
});

test("the map of embeddings is sent where there is one", async () => {
  const points = [{ sample: "a.png", x: 0.5, y: -0.5, label: "class 0", predicted: null }];
  const judges = { by: "folds" as const, models: ["first"], images: 1, leftOut: 0, note: "by one run" };
  writeDataAnalysis(join(root, "first", runPaths.embeddingsMap), "map", {
    formatVersion: 1,
    data: "data",
    judges,
    method: "PCA",
    points,
  });
  expect(await get("runs/first/embeddings")).toEqual({ method: "PCA", points });
});

test.each([
  ["runs/first/evaluations/epoch_009/summary", 400, "no evaluation 'epoch_009'"],
  ["runs/first/evaluations/..%2Fsecond/summary", 404, "not found"],
  ["runs/first/evaluations/epoch_002/__proto__", 404, "not found"],
  ["runs/second/embeddings", 404, "has no map"],
  ["compare/predictions?a=first&ea=epoch_002&b=many&eb=epoch_000", 400, "no sample in common"],
  ["compare/predictions?a=first&ea=epoch_002&b=one&eb=epoch_000", 400, "no sample in common"],
  ["compare/predictions?a=first&ea=epoch_002&b=..&eb=epoch_000", 404, "not found"],
])("%s: %d %s", async (path, status, sentence) => {
  const response = await fetch(`${dashboard.url}api/${path}`);
  expect(response.status).toBe(status);
  expect(((await response.json()) as { error: string }).error).toContain(sentence);
});
