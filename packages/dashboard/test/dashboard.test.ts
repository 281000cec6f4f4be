import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Dashboard, startDashboard } from "@classifier-training/dashboard";
import { MetricsWriter, RunWriter } from "@classifier-training/runs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { seriesOf, thinned } from "../src/series.ts";
import { chromium, openPage } from "./browser.ts";

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
    ["labels_mapping.json", '{"10": 1, "7": 0}'],
    ["epoch_001/confusion_matrix.png", png],
    ["secret.txt", "secret"],
  ] as const) {
    mkdirSync(join(dir, path, ".."), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
  writeFileSync(join(root, "outside.png"), "outside");
  dashboard = await startDashboard({ root, port: 0, pollMs: 20 });
});

afterEach(() => dashboard.close());

const key = encodeURIComponent("2026-01-02/10-11-12");

async function getJson(path: string): Promise<unknown> {
  return (await fetch(new URL(path, dashboard.url))).json();
}

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

test.skipIf(chromium === undefined)(
  "in a browser the page draws a chart a metric, live, and shows pictures",
  async () => {
    const page = await openPage(dashboard.url);
    try {
      const until = async (expression: string) => {
        await expect
          .poll(() => page.evaluate(expression), { timeout: 20_000, interval: 100, message: expression })
          .toBe(true);
      };
      const captions = "[...document.querySelectorAll('#charts figcaption')].map((c) => c.textContent).join()";
      await until(`${captions} === "acc,loss"`);
      await until("document.querySelector('#charts canvas').width > 100");
      await until("document.querySelector('#runs').textContent.includes('running')");
      await until("document.querySelector('#images img').dataset.path === 'epoch_001/confusion_matrix.png'");
      await until("document.querySelector('#config').textContent.includes('name: resnet18')");
      metrics.append({ step: 20, lr: 0.1 });
      await until(`${captions} === "acc,loss,lr"`);
      run.finish("success");
      await until("document.querySelector('#runs').textContent.includes('success')");
      const { SCREENSHOT: target } = process.env;
      if (target !== undefined) writeFileSync(target, await page.screenshot());
    } finally {
      await page.close();
    }
  },
);
