import { execFileSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dashboard, type MetricsMessage, startDashboard } from "@classifier-training/dashboard";
import {
  epochFolder,
  evaluationPaths,
  historyPaths,
  MetricsWriter,
  RunWriter,
  runPaths,
  writeLabelsMapping,
} from "@classifier-training/runs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { chromium, openPage, type Page } from "../../base/test/browser.ts";
import { downsampled, seriesOf } from "../src/series.ts";
import { classes, trainOnce } from "./trained-run.ts";

vi.setConfig({ testTimeout: 30_000 });

let trained: Awaited<ReturnType<typeof trainOnce>>;
let root: string;
let dashboard: Dashboard;
let run: RunWriter;
let metrics: MetricsWriter;

beforeAll(async () => {
  trained = await trainOnce();
});
afterAll(() => trained.remove());

// Each test gets a copy of the run, which is resumed.
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "dashboard-"));
  cpSync(trained.root, root, { recursive: true });
  const dir = join(root, "2026-01-02", "10-11-12");
  run = RunWriter.open(dir);
  metrics = new MetricsWriter(join(dir, runPaths.metrics));
  writeFileSync(join(dir, "secret.txt"), "secret");
  writeFileSync(join(root, "outside.png"), "outside");
  dashboard = await startDashboard({ root, port: 0, pollMs: 20 });
});

afterEach(async () => {
  await dashboard.close();
  rmSync(root, { recursive: true, force: true });
});

const key = encodeURIComponent("2026-01-02/10-11-12");
const imageNames = [evaluationPaths.confusionMatrix, evaluationPaths.gradCam, evaluationPaths.samplePredictions];
const newestImage = `${runPaths.history}/${historyPaths.loss}`;

/** What the training logged under a name, with its steps, as its file has it. */
function logged(name: string): { steps: number[]; values: number[] } {
  const [header = "", ...lines] = readFileSync(metrics.path, "utf8").trim().split("\n");
  const column = header.split(",").indexOf(name);
  const step = header.split(",").indexOf("step");
  const rows = lines.map((line) => line.split(",")).filter((cells) => cells[column] !== "");
  return { steps: rows.map((cells) => Number(cells[step])), values: rows.map((cells) => Number(cells[column])) };
}

async function getJson(path: string): Promise<unknown> {
  return (await fetch(new URL(path, dashboard.url))).json();
}

test("the configuration is shown without its secrets", async () => {
  appendFileSync(join(run.dir, runPaths.config), "wandb:\n  api_key: abc123\n  project: p\n");
  const { config } = (await getJson(`api/runs/${key}`)) as { config: string };
  expect(config).toContain("wandb:\n  api_key: '***'\n  project: p\n");
});

test("runs are listed, and a run has its configuration, classes, images and curves", async () => {
  const { best, monitor } = run.record;
  expect(monitor).toEqual({ name: "val/acc_top1", mode: "max" });
  expect(await getJson("api/runs")).toMatchObject([{ key: "2026-01-02/10-11-12", status: "running", best, monitor }]);
  expect(await getJson(`api/runs/${key}`)).toMatchObject({
    config: expect.stringContaining("image_size: 32"),
    overrides: expect.stringContaining("- trainer.max_epochs=2"),
    labels: classes,
    images: [
      ...[0, 1].flatMap((epoch) => imageNames.map((name) => `${epochFolder(epoch)}/${name}`)),
      `${runPaths.history}/${historyPaths.accuracy}`,
      newestImage,
    ],
    record: { configPath: runPaths.config },
  });
  const { series, ...rest } = (await getJson(`api/runs/${key}/metrics`)) as MetricsMessage;
  expect(rest).toEqual({ reset: true, status: "running" });
  expect(series["train/loss_step"]).toEqual(logged("train/loss_step"));
  expect(series["train/loss_step"]?.steps).toEqual([0, 1, 2, 3]);
  expect(series["val/acc_top1"]).toEqual(logged("val/acc_top1"));
  expect(Math.max(...(series["val/acc_top1"]?.values ?? []))).toBe(best?.value);
  const path = `${epochFolder(1)}/${evaluationPaths.confusionMatrix}`;
  const image = await fetch(new URL(`api/runs/${key}/files/${path}`, dashboard.url));
  expect(image.headers.get("content-type")).toBe("image/png");
  expect(Buffer.from(await image.arrayBuffer()).equals(readFileSync(join(run.dir, path)))).toBe(true);
});

test("curves are sent live: rows, a wider header, the end of the run", async () => {
  const response = await fetch(new URL(`api/runs/${key}/live`, dashboard.url));
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const next = async () => {
    while (!text.includes("\n\n")) text += (await reader.read()).value ?? "";
    const end = text.indexOf("\n\n");
    const message = JSON.parse(text.slice("data: ".length, end));
    text = text.slice(end + 2);
    return message;
  };
  expect(await next()).toMatchObject({ reset: true, series: { "val/acc_top1": { steps: [1, 3] } } });
  metrics.append({ step: 4, "train/loss_step": 0.01, "val/loss": Number.NaN });
  expect(await next()).toEqual({
    reset: false,
    status: "running",
    series: { "train/loss_step": { steps: [4], values: [0.01] } },
  });
  metrics.append({ step: 5, lr: 0.5 });
  expect(await next()).toMatchObject({ reset: true, series: { lr: { steps: [5], values: [0.5] } } });
  run.finish("success");
  expect(await next()).toMatchObject({ reset: false, series: {}, status: "success" });
  await reader.cancel();
});

test("only images of runs are served, whatever the path", async () => {
  symlinkSync(join(root, "outside.png"), join(run.dir, "link.png"));
  const paths = [
    `api/runs/${key}/files/secret.txt`,
    `api/runs/${key}/files/..%2F..%2Foutside.png`,
    `api/runs/${key}/files/link.png`,
    `api/runs/${encodeURIComponent("../..")}`,
    `api/runs/${encodeURIComponent("/etc")}`,
    "package.json",
    "..%2Fpackage.json",
  ];
  for (const path of paths) expect((await fetch(new URL(path, dashboard.url))).status, path).toBe(404);
  expect((await fetch(new URL("api/runs", dashboard.url), { method: "POST" })).status).toBe(405);
});

test("a page of another site, whose name leads here, is refused", async () => {
  const status = await new Promise((resolve) => {
    httpRequest(new URL("api/runs", dashboard.url), { headers: { Host: "evil.example" } }, (response) =>
      resolve(response.statusCode),
    ).end();
  });
  expect(status).toBe(403);
});

test("the page and its scripts are served", async () => {
  for (const [path, type] of [
    ["", "text/html"],
    ["app.js", "text/javascript"],
    ["charts.js", "text/javascript"],
    ["chart.umd.js", "text/javascript"],
    ["style.css", "text/css"],
  ] as const) {
    const response = await fetch(new URL(path, dashboard.url));
    expect(response.status, path).toBe(200);
    expect(response.headers.get("content-type")).toContain(type);
    expect((await response.text()).length).toBeGreaterThan(200);
  }
});

test("a port that is taken is an error that says what to do", async () => {
  const port = Number(new URL(dashboard.url).port);
  await expect(startDashboard({ root, port })).rejects.toThrow("choose another port");
});

test("an empty or missing folder has no runs", async () => {
  const other = await startDashboard({ root: join(root, "nothing"), port: 0 });
  expect(await (await fetch(new URL("api/runs", other.url))).json()).toEqual([]);
  await other.close();
});

test("long curves are downsampled without losing spikes, and a file without steps goes by rows", () => {
  const steps = Array.from({ length: 50_000 }, (_, i) => i);
  const values = steps.map((i) => (i === 31_111 ? 99 : Math.sin(i)));
  const short = downsampled({ steps, values });
  expect(short.steps.length).toBeLessThanOrEqual(2000);
  expect(Math.max(...short.values)).toBe(99);
  expect([...short.steps].sort((a, b) => a - b)).toEqual(short.steps);
  expect(seriesOf([{ loss: 1 }, { loss: 2 }], 7)).toEqual({ loss: { steps: [7, 8], values: [1, 2] } });
});

test("metrics, classes and runs may have the names of an object's own properties", async () => {
  const dir = join(root, "constructor", "__proto__");
  RunWriter.open(dir).finish("success");
  const writer = new MetricsWriter(join(dir, runPaths.metrics));
  writer.append(
    Object.fromEntries([
      ["step", 0],
      ["constructor", 1],
      ["__proto__", 2],
      ["toString", 3],
    ]),
  );
  writer.close();
  const mapping = JSON.parse(
    readFileSync(join(run.dir, runPaths.labels), "utf8")
      .replaceAll('"1"', '"constructor"')
      .replaceAll('"7"', '"__proto__"'),
  );
  writeLabelsMapping(dir, { ...mapping, idx_to_class: { 0: "constructor", 1: "__proto__" } });
  const other = encodeURIComponent("constructor/__proto__");
  expect(await getJson(`api/runs/${other}`)).toMatchObject({ labels: ["constructor", "__proto__"] });
  const { series } = (await getJson(`api/runs/${other}/metrics`)) as { series: object };
  expect(Object.keys(series).sort()).toEqual(["__proto__", "constructor", "toString"]);
});

test("a named pipe in the place of a file is not waited for", async () => {
  for (const name of [runPaths.record, runPaths.metrics, runPaths.labels, runPaths.config, "pipe.png"]) {
    rmSync(join(run.dir, name), { force: true });
    execFileSync("mkfifo", [join(run.dir, name)]);
  }
  expect(await getJson("api/runs")).toMatchObject([{ status: "lost" }]);
  expect(await getJson(`api/runs/${key}`)).toMatchObject({ images: expect.arrayContaining([newestImage]) });
  for (const path of ["metrics", "files/pipe.png"])
    expect((await fetch(new URL(`api/runs/${key}/${path}`, dashboard.url))).status, path).toBe(404);
});

test("metrics outside of the run are not read, whatever its record says", async () => {
  writeFileSync(join(root, "other.csv"), "step,secret\n1,2\n");
  run.update({ metricsPath: "../../other.csv" });
  expect((await fetch(new URL(`api/runs/${key}/metrics`, dashboard.url))).status).toBe(404);
});

test("runs are found behind a root that is a link", async () => {
  const link = join(mkdtempSync(join(tmpdir(), "dashboard-link-")), "outputs");
  symlinkSync(root, link);
  const other = await startDashboard({ root: link, port: 0 });
  expect(await (await fetch(new URL("api/runs", other.url))).json()).toMatchObject([{ key: "2026-01-02/10-11-12" }]);
  const image = await fetch(new URL(`api/runs/${key}/files/${newestImage}`, other.url));
  expect(image.status).toBe(200);
  await other.close();
});

test("one stream has several runs, each message with its run", async () => {
  const second = join(root, "second");
  RunWriter.open(second);
  new MetricsWriter(join(second, runPaths.metrics)).append({ step: 3, lr: 0.5 });
  const response = await fetch(new URL(`api/live?run=${key}&run=second&run=nothing`, dashboard.url));
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split("\n\n").length < 3) text += (await reader.read()).value ?? "";
  const messages = text
    .split("\n\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line.slice("data: ".length)));
  expect(messages).toMatchObject([
    { key: "2026-01-02/10-11-12", series: { "val/acc_top1": logged("val/acc_top1") } },
    { key: "second", series: { lr: { steps: [3], values: [0.5] } } },
  ]);
  await reader.cancel();
});

describe.skipIf(chromium === undefined)("in a browser", () => {
  let page: Page;
  const until = (expression: string) =>
    expect.poll(() => page.evaluate(expression), { timeout: 20_000, interval: 100, message: expression }).toBe(true);
  const click = (selector: string) => page.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
  const charts = "acc_class_0,acc_class_1,acc_top1,acc_top5,loss";
  const captions = "[...document.querySelectorAll('#charts figcaption')].map((c) => c.textContent).join()";

  beforeEach(async () => {
    for (let i = 0; i < 8; i++) {
      const dir = join(root, `run-${i}`);
      RunWriter.open(dir, { startedAt: "2025-01-01T00:00:00.000Z" }).finish("success");
      new MetricsWriter(join(dir, runPaths.metrics)).append({ step: i, "train/loss": i });
    }
    page = await openPage(dashboard.url);
    await until(`${captions} === "${charts}"`);
  });
  afterEach(async () => {
    const { SCREENSHOT: target } = process.env;
    if (target !== undefined) writeFileSync(target, await page.screenshot());
    expect(page.errors).toEqual([]);
    await page.close();
  });

  test("the page plots a chart for each metric, live, and shows images", async () => {
    await until("document.querySelector('#charts canvas').width > 100");
    await until("document.querySelector('#runs').textContent.includes('running')");
    await until(`document.querySelector('#images img').dataset.path === '${newestImage}'`);
    await until("document.querySelector('#config').textContent.includes('image_size: 32')");
    metrics.append({ step: 20, lr: 0.1 });
    await until(`${captions} === "${charts},lr"`);
    run.finish("success");
    await until("document.querySelector('#runs li').textContent.includes('success')");
  });

  test("each tab shows its own part and hides the others", async () => {
    const visible =
      "[...document.querySelectorAll('[role=tabpanel]')].filter((p) => p.checkVisibility()).map((p) => p.id).join()";
    for (const tab of ["images", "config", "charts", "images", "charts"]) {
      await click(`[data-tab=${tab}]`);
      expect(await page.evaluate(visible)).toBe(tab);
      const selected = "[...document.querySelectorAll('[aria-selected=true]')].map((t) => t.dataset.tab).join()";
      expect(await page.evaluate(selected)).toBe(tab);
    }
    await click("[data-tab=config]");
    await until("document.querySelector('#config').innerText.includes('0  1\\n1  7')");
    await click("[data-tab=images]");
    await until("document.querySelector('#images img').naturalWidth > 100");
  });

  test("all runs can be ticked, and the page still answers", async () => {
    const ticked = "document.querySelectorAll('#runs input:checked').length";
    const curves = "Chart.getChart(document.querySelector('#charts figure:last-of-type canvas')).data.datasets.length";
    expect(await page.evaluate(ticked)).toBe(1);
    for (let i = 2; i <= 9; i++) {
      await click(`#runs li:nth-child(${i}) input`);
      // The trained run has three curves of losses, the others have one each.
      await until(`${ticked} === ${i} && ${curves} === ${i + 2}`);
    }
    await until("fetch('/api/runs').then((answer) => answer.ok)");
    await click("#runs li:nth-child(5) button");
    await until(
      `${ticked} === 1 && ${curves} === 1 && document.querySelector('#runs li.current').textContent.includes('run-')`,
    );
    await click("#runs li:nth-child(5) input");
    await until("document.querySelector('#tabs').checkVisibility() === false");
  });

  test("the list is filtered, and smoothing changes the curves", async () => {
    const type = (selector: string, value: string) =>
      page.evaluate(
        `{ const input = document.querySelector(${JSON.stringify(selector)}); input.value = ${JSON.stringify(value)}; input.dispatchEvent(new Event("input")); }`,
      );
    await type("#filter", "run-3");
    expect(await page.evaluate("document.querySelectorAll('#runs li').length")).toBe(1);
    await type("#filter", "");
    const last =
      "Chart.getChart(document.querySelector('#charts figure:last-of-type canvas')).data.datasets[0].data.at(-1).y";
    const [before = 0, plain = 0] = logged("train/loss_epoch").values;
    expect(await page.evaluate(last)).toBe(plain);
    await type("#smoothing", "0.9");
    expect(await page.evaluate(last)).toBeCloseTo((0.9 * before + plain) / 1.9, 12);
  });
});
