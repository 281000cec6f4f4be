import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dashboard, startDashboard } from "@classifier-training/dashboard";
import { type LabelsMapping, MetricsWriter, RunWriter, writeLabelsMapping } from "@classifier-training/runs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { chromium, openPage, type Page } from "../../base/test/browser.ts";
import { seriesOf, thinned } from "../src/series.ts";

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

let root: string;
let dashboard: Dashboard;
let run: RunWriter;
let metrics: MetricsWriter;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "dashboard-"));
  const dir = join(root, "2026-01-02", "10-11-12");
  run = RunWriter.open(dir, {
    monitor: { name: "val/acc", mode: "max" },
    best: { value: 0.9 },
    startedAt: "2026-01-02T10:11:12.000Z",
  });
  metrics = new MetricsWriter(join(dir, "metrics.csv"));
  for (let step = 0; step < 20; step++) metrics.append({ step, epoch: 0, "train/loss": 1 / (step + 1) });
  metrics.append({ step: 19, "val/acc": 0.5, "val/loss": Number.NaN });
  for (const [path, content] of [
    [".hydra/config.yaml", "model:\n  name: resnet18\n"],
    ["epoch_001/confusion_matrix.png", png],
    ["secret.txt", "secret"],
  ] as const) {
    mkdirSync(join(dir, path, ".."), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
  writeLabelsMapping(dir, labelsOf("7", "10"));
  writeFileSync(join(root, "outside.png"), "outside");
  dashboard = await startDashboard({ root, port: 0, pollMs: 20 });
});

afterEach(() => dashboard.close());

function labelsOf(...names: string[]): LabelsMapping {
  return {
    num_classes: names.length,
    class_to_idx: Object.fromEntries(names.map((name, i) => [name, i])),
    idx_to_class: Object.fromEntries(names.entries()),
    normalization: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  };
}

const key = encodeURIComponent("2026-01-02/10-11-12");

async function getJson(path: string): Promise<unknown> {
  return (await fetch(new URL(path, dashboard.url))).json();
}

test("the configuration is shown without its secrets", async () => {
  writeFileSync(join(root, "2026-01-02/10-11-12/.hydra/config.yaml"), "wandb:\n  api_key: abc123\n  project: p\n");
  const { config } = (await getJson(`api/runs/${key}`)) as { config: string };
  expect(config).toBe("wandb:\n  api_key: '***'\n  project: p\n");
});

test("runs are listed, and a run has its configuration, classes, pictures and curves", async () => {
  expect(await getJson("api/runs")).toMatchObject([
    { key: "2026-01-02/10-11-12", status: "running", best: { value: 0.9 } },
  ]);
  expect(await getJson(`api/runs/${key}`)).toMatchObject({
    config: "model:\n  name: resnet18\n",
    labels: ["7", "10"],
    images: ["epoch_001/confusion_matrix.png"],
    record: { configPath: ".hydra/config.yaml" },
  });
  expect(await getJson(`api/runs/${key}/metrics`)).toEqual({
    reset: true,
    status: "running",
    series: {
      "train/loss": {
        steps: Array.from({ length: 20 }, (_, i) => i),
        values: Array.from({ length: 20 }, (_, i) => 1 / (i + 1)),
      },
      "val/acc": { steps: [19], values: [0.5] },
    },
  });
  const image = await fetch(new URL(`api/runs/${key}/files/epoch_001/confusion_matrix.png`, dashboard.url));
  expect(image.headers.get("content-type")).toBe("image/png");
  expect(Buffer.from(await image.arrayBuffer()).equals(png)).toBe(true);
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
  expect(await next()).toMatchObject({ reset: true, series: { "val/acc": { steps: [19] } } });
  metrics.append({ step: 20, "train/loss": 0.01 });
  expect(await next()).toEqual({
    reset: false,
    status: "running",
    series: { "train/loss": { steps: [20], values: [0.01] } },
  });
  metrics.append({ step: 21, lr: 0.5 });
  expect(await next()).toMatchObject({ reset: true, series: { lr: { steps: [21], values: [0.5] } } });
  run.finish("success");
  expect(await next()).toMatchObject({ reset: false, series: {}, status: "success" });
  await reader.cancel();
});

test("nothing but pictures of runs is served, whatever the path", async () => {
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

test("long curves are thinned without losing spikes, and a file without steps goes by rows", () => {
  const steps = Array.from({ length: 50_000 }, (_, i) => i);
  const values = steps.map((i) => (i === 31_111 ? 99 : Math.sin(i)));
  const short = thinned({ steps, values });
  expect(short.steps.length).toBeLessThanOrEqual(2000);
  expect(Math.max(...short.values)).toBe(99);
  expect([...short.steps].sort((a, b) => a - b)).toEqual(short.steps);
  expect(seriesOf([{ loss: 1 }, { loss: 2 }], 7)).toEqual({ loss: { steps: [7, 8], values: [1, 2] } });
});

test("metrics, classes and runs may have the names of an object's own properties", async () => {
  const dir = join(root, "constructor", "__proto__");
  RunWriter.open(dir).finish("success");
  const writer = new MetricsWriter(join(dir, "metrics.csv"));
  writer.append(
    Object.fromEntries([
      ["step", 0],
      ["constructor", 1],
      ["__proto__", 2],
      ["toString", 3],
    ]),
  );
  writer.close();
  writeLabelsMapping(dir, labelsOf("constructor", "__proto__"));
  const other = encodeURIComponent("constructor/__proto__");
  expect(await getJson(`api/runs/${other}`)).toMatchObject({ labels: ["constructor", "__proto__"] });
  const { series } = (await getJson(`api/runs/${other}/metrics`)) as { series: object };
  expect(Object.keys(series).sort()).toEqual(["__proto__", "constructor", "toString"]);
});

test("a named pipe in the place of a file is not waited for", async () => {
  for (const name of ["run.json", "metrics.csv", "labels_mapping.json", ".hydra/config.yaml", "pipe.png"]) {
    rmSync(join(run.dir, name), { force: true });
    execFileSync("mkfifo", [join(run.dir, name)]);
  }
  expect(await getJson("api/runs")).toMatchObject([{ status: "lost" }]);
  expect(await getJson(`api/runs/${key}`)).toMatchObject({ images: ["epoch_001/confusion_matrix.png"] });
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
  const image = await fetch(new URL(`api/runs/${key}/files/epoch_001/confusion_matrix.png`, other.url));
  expect(image.status).toBe(200);
  await other.close();
});

test("one stream has several runs, each message with its run", async () => {
  const second = join(root, "second");
  RunWriter.open(second);
  new MetricsWriter(join(second, "metrics.csv")).append({ step: 3, lr: 0.5 });
  const response = await fetch(new URL(`api/live?run=${key}&run=second&run=nothing`, dashboard.url));
  const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (text.split("\n\n").length < 3) text += (await reader.read()).value ?? "";
  const messages = text
    .split("\n\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line.slice("data: ".length)));
  expect(messages).toMatchObject([
    { key: "2026-01-02/10-11-12", series: { "val/acc": { values: [0.5] } } },
    { key: "second", series: { lr: { steps: [3], values: [0.5] } } },
  ]);
  await reader.cancel();
});

describe.skipIf(chromium === undefined)("in a browser", () => {
  let page: Page;
  const until = (expression: string) =>
    expect.poll(() => page.evaluate(expression), { timeout: 20_000, interval: 100, message: expression }).toBe(true);
  const click = (selector: string) => page.evaluate(`document.querySelector(${JSON.stringify(selector)}).click()`);
  const captions = "[...document.querySelectorAll('#charts figcaption')].map((c) => c.textContent).join()";

  beforeEach(async () => {
    for (let i = 0; i < 8; i++) {
      const dir = join(root, `run-${i}`);
      RunWriter.open(dir, { startedAt: "2025-01-01T00:00:00.000Z" }).finish("success");
      new MetricsWriter(join(dir, "metrics.csv")).append({ step: i, "train/loss": i });
    }
    page = await openPage(dashboard.url);
    await until(`${captions} === "acc,loss"`);
  });
  afterEach(async () => {
    const { SCREENSHOT: target } = process.env;
    if (target !== undefined) writeFileSync(target, await page.screenshot());
    expect(page.errors).toEqual([]);
    await page.close();
  });

  test("the page draws a chart a metric, live, and shows pictures", async () => {
    await until("document.querySelector('#charts canvas').width > 100");
    await until("document.querySelector('#runs').textContent.includes('running')");
    await until("document.querySelector('#images img').dataset.path === 'epoch_001/confusion_matrix.png'");
    await until("document.querySelector('#config').textContent.includes('name: resnet18')");
    metrics.append({ step: 20, lr: 0.1 });
    await until(`${captions} === "acc,loss,lr"`);
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
    await until("document.querySelector('#config').innerText.includes('0  7\\n1  10')");
    await click("[data-tab=images]");
    await until("document.querySelector('#images img').naturalWidth === 1");
  });

  test("all runs can be ticked, and the page still answers", async () => {
    const ticked = "document.querySelectorAll('#runs input:checked').length";
    const curves = "Chart.getChart(document.querySelector('#charts figure:last-of-type canvas')).data.datasets.length";
    expect(await page.evaluate(ticked)).toBe(1);
    for (let i = 2; i <= 9; i++) {
      await click(`#runs li:nth-child(${i}) input`);
      await until(`${ticked} === ${i} && ${curves} === ${i}`);
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
    const plain = (await page.evaluate(last)) as number;
    await type("#smoothing", "0.9");
    expect(await page.evaluate(last)).toBeGreaterThan(plain);
  });
});
