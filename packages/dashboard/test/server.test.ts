import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CtError } from "@classifier-training/base";
import { type Dashboard, type RunChanges, type RunMetrics, startDashboard } from "@classifier-training/dashboard";
import { readAnnotations, runPaths } from "@classifier-training/runs";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { eventually } from "./eventually.ts";
import { writeImage, writeRun, writeRuns } from "./runs-on-disk.ts";
import { classes, trainOnce } from "./trained-run.ts";

vi.setConfig({ testTimeout: 120_000 });

let trained: Awaited<ReturnType<typeof trainOnce>>;
let root: string;
let dashboard: Dashboard;
const pollMs = 20;

beforeAll(async () => {
  trained = await trainOnce();
});
afterAll(() => trained.remove());

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "dashboard a b ü-"));
  dashboard = await startDashboard({ root, port: 0, pollMs });
});
afterEach(async () => {
  await dashboard.close();
  rmSync(root, { recursive: true, force: true });
});

const address = (path: string) => new URL(path, dashboard.url);
const runAddress = (key: string, rest = "") => `api/runs/${encodeURIComponent(key)}${rest}`;

async function getJson<T = unknown>(path: string): Promise<T> {
  return (await fetch(address(path))).json() as Promise<T>;
}

const list = async () => (await getJson<RunChanges>("api/runs")).runs;
const keys = async () => (await list()).map(({ key }) => key).sort();

/** A request that writes. */
async function write(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const token = /#token=(.+)$/.exec(dashboard.writeUrl)?.[1] ?? "";
  const response = await fetch(address(path), {
    method,
    headers: { "x-write-token": token, ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as { readonly error?: string } };
}

test("a training is listed, and has its configuration, classes, images, log, curves and times", async () => {
  const other = await startDashboard({ root: trained.root, port: 0 });
  const get = async (path: string) => (await fetch(new URL(path, other.url))).json();
  await other.ready;
  const key = "2026-01-02/10-11-12";
  const { runs } = (await get("api/runs")) as RunChanges;
  expect(runs).toMatchObject([
    {
      key,
      status: "success",
      monitor: { name: "val/acc_top1", mode: "max" },
      epoch: 1,
      step: 3,
      maxEpochs: 2,
      latest: { "val/loss": expect.any(Number) },
    },
  ]);
  expect(Object.keys(runs[0]?.latest ?? {}).filter((name) => name.includes("_class_"))).toEqual([]);
  const detail = (await get(runAddress(key))) as Record<string, unknown>;
  expect(detail).toMatchObject({
    labels: classes,
    overrides: expect.stringContaining("- trainer.max_epochs=2"),
    config: expect.stringContaining("image_size: 32"),
    values: { "trainer.max_epochs": "2", "data.image_size": "32", "model.stem": "small" },
    images: expect.arrayContaining(["epoch_001/confusion_matrix.png"]),
    origins: {
      "model.stem": [
        "set in override model.stem=small",
        expect.stringMatching(/^instead of what is set in .*\.yaml:\d+$/),
      ],
      "callbacks.report.output_dir": [
        // biome-ignore lint/suspicious/noTemplateCurlyInString: an interpolation of the configuration
        "written ${hydra:runtime.output_dir}",
        expect.stringMatching(/^set in .*callbacks.default\.yaml:\d+$/),
      ],
    },
    record: { configPath: runPaths.config },
  });
  expect(JSON.stringify(detail)).toContain("tracker.api_key");
  expect(readFileSync(join(trained.root, key, runPaths.origins), "utf8") + JSON.stringify(detail)).not.toContain(
    "abcd1234secret",
  );
  const metrics = (await get(runAddress(key, "/metrics"))) as RunMetrics;
  expect(metrics.series["train/loss_step"]?.steps).toEqual([0, 1, 2, 3]);
  expect(metrics.series["val/acc_top1"]?.steps).toEqual([1, 3]);
  expect(Math.max(...((metrics.series["val/acc_top1"]?.values ?? []) as number[]))).toBe(runs[0]?.best?.value);
  expect(metrics.names).toContain("val/acc_class_0");
  expect(metrics.epochs).toEqual({ steps: [0, 2], epochs: [0, 1] });
  expect(metrics.timeline.steps[0]).toBe(0);
  expect(Math.abs((metrics.timeline.times[0] ?? 0) - Date.now() / 1000)).toBeLessThan(600);
  const perClass = (await get(runAddress(key, "/metrics?prefix=val/acc_class_"))) as RunMetrics;
  expect(Object.keys(perClass.series).sort()).toEqual(["val/acc_class_0", "val/acc_class_1"]);
  expect(await get(runAddress(key, "/log"))).toMatchObject({ text: expect.stringContaining("epoch"), isCut: false });
  const image = await fetch(new URL(runAddress(key, "/files/epoch_001/confusion_matrix.png"), other.url));
  expect(image.headers.get("content-type")).toBe("image/png");
  const path = join(trained.root, key, "epoch_001", "confusion_matrix.png");
  expect(Buffer.from(await image.arrayBuffer()).equals(readFileSync(path))).toBe(true);
  await other.close();
});

test("the list follows the folders: runs that come, grow, end, are killed, fall silent and go", async () => {
  expect(await list()).toEqual([]);
  const { run, metrics, epoch } = writeRun(join(root, "day", "one"), {
    status: "running",
    epochs: 3,
    maxEpochs: 30,
    secondsAnEpoch: 10,
  });
  await eventually(keys).toEqual(["day/one"]);
  const one = async () => (await list()).find(({ key }) => key === "day/one");
  expect(await one()).toMatchObject({ status: "running", epoch: 2, step: 11, maxEpochs: 30 });
  // 27 of 30 epochs are left, of 10 s each.
  expect(((await one())?.secondsLeft ?? 0) / 270).toBeCloseTo(1, 0);
  run.update({ plan: { epochs: 6, stepsPerEpoch: 4 } });
  await eventually(async () => (await one())?.maxEpochs).toBe(6);
  expect(((await one())?.secondsLeft ?? 0) / 30).toBeCloseTo(1, 0);
  run.update({ plan: { epochs: 6, endsBy: new Date(Date.now() + 12_000).toISOString() } });
  await eventually(async () => ((await one())?.secondsLeft ?? 99) <= 12).toBe(true);
  run.update({ plan: undefined });
  epoch(3);
  await eventually(async () => (await one())?.epoch).toBe(3);
  metrics.append({ step: 16, lr: 0.5, "val/loss": Number.NaN });
  await eventually(async () => (await one())?.latest).toMatchObject({ lr: 0.5, "val/loss": null });
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3600_000 });
  await eventually(async () => (await one())?.status).toBe("stale");
  vi.useRealTimers();
  await eventually(async () => (await one())?.status).toBe("running");
  run.update({ pid: 2 ** 22 + 1 });
  await eventually(async () => (await one())?.status).toBe("lost");
  run.finish("success");
  await eventually(async () => (await one())?.status).toBe("success");
  writeRun(join(root, "multirun", "0"), { isSwept: true, values: { "data.fold": 2 } });
  await eventually(list).toContainEqual(expect.objectContaining({ key: "multirun/0", sweep: "multirun", fold: "2" }));
  rmSync(join(root, "day"), { recursive: true });
  await eventually(keys).toEqual(["multirun/0"]);
});

test("one stream tells of all changes, and a page that lost it misses nothing", async () => {
  const follow = async (headers: Record<string, string>) => {
    const response = await fetch(address("api/stream"), { headers });
    const reader = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const next = async (): Promise<RunChanges & { readonly id: string }> => {
      while (!text.includes("\n\n")) text += (await reader.read()).value ?? "";
      const end = text.indexOf("\n\n");
      const [, id = "", data = ""] = /^id: (.+)\ndata: (.+)$/.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      return data === "" ? next() : { id, ...(JSON.parse(data) as RunChanges) };
    };
    const until = async (fits: (changes: RunChanges) => boolean) => {
      for (;;) {
        const changes = await next();
        if (fits(changes)) return changes;
      }
    };
    return { until, cancel: () => reader.cancel() };
  };
  const first = await follow({});
  writeRun(join(root, "a"), { status: "running" });
  writeRun(join(root, "b"));
  const { id } = await first.until(({ runs }) => runs.some(({ key }) => key === "b"));
  await first.cancel();
  await eventually(keys).toEqual(["a", "b"]);
  const before = (await getJson<RunChanges>("api/runs")).cursor;
  rmSync(join(root, "b"), { recursive: true });
  writeRun(join(root, "c"));
  await eventually(keys).toEqual(["a", "c"]);
  const second = await follow({ "last-event-id": before });
  const missed = await second.until(({ runs }) => runs.length > 0);
  expect(missed).toMatchObject({ reset: false, removed: ["b"] });
  expect(missed.runs.map(({ key }) => key)).toEqual(["c"]);
  await second.cancel();
  // A cursor of another server is worth nothing.
  expect(await getJson(`api/runs?since=x${id}`)).toMatchObject({ reset: true });
  expect(await getJson(`api/runs?since=${(await getJson<RunChanges>("api/runs")).cursor}`)).toMatchObject({
    reset: false,
    runs: [],
    removed: [],
  });
});

test("added rows are sent alone, replaced rows anew, and values that are not finite as null", async () => {
  const { metrics } = writeRun(join(root, "a"), { status: "running", epochs: 1 });
  const first = await getJson<RunMetrics>(runAddress("a", "/metrics"));
  expect(first).toMatchObject({ isAddition: false, rows: 6 });
  metrics.append({ step: 4, "train/loss_step": 0.01, "val/loss": Number.NaN });
  const more = `/metrics?generation=${first.generation}&from=${first.rows}`;
  const added = await getJson<RunMetrics>(runAddress("a", more));
  expect(added).toMatchObject({ isAddition: true, rows: 7 });
  expect(added.series).toEqual({
    "train/loss_step": { steps: [4], values: [0.01] },
    "val/loss": { steps: [4], values: [null] },
  });
  metrics.append({ step: 5, "grad norm": 0.5 });
  expect(await getJson(runAddress("a", more))).toMatchObject({ isAddition: false, rows: 8 });
  const answer = await fetch(address(runAddress("a", "/metrics")));
  const again = await fetch(address(runAddress("a", "/metrics")), {
    headers: { "if-none-match": answer.headers.get("etag") ?? "" },
  });
  expect(again.status).toBe(304);
});

test("long runs are downsampled without losing a spike, and a part of them comes in full", async () => {
  const { metrics } = writeRun(join(root, "long"), { epochs: 0 });
  metrics.append({ step: 0, loss: 0 });
  const rows = Array.from({ length: 50_000 }, (_, i) => `${i === 31_111 ? 99 : Math.sin(i)},${i + 1}\n`);
  appendFileSync(metrics.path, rows.join(""));
  const whole = await getJson<RunMetrics>(runAddress("long", "/metrics?points=500"));
  const { steps = [], values = [] } = whole.series["loss"] ?? {};
  expect(whole.downsampled).toBe(true);
  expect(steps.length).toBeLessThanOrEqual(500);
  expect(Math.max(...(values as number[]))).toBe(99);
  expect([...steps].sort((a, b) => a - b)).toEqual(steps);
  const part = await getJson<RunMetrics>(runAddress("long", "/metrics?points=500&begin=31100&end=31200"));
  expect(part.downsampled).toBe(false);
  expect(part.series["loss"]?.steps.length).toBe(103);
});

test("columns have one value of all runs, and secrets are masked wherever a configuration is shown", async () => {
  for (const [i, rate] of [0.1, 0.01].entries())
    writeRun(join(root, `run-${i}`), { values: { "model.lr": rate, "wandb.api_key": "abc123" } });
  await eventually(keys).toEqual(["run-0", "run-1"]);
  expect(await getJson("api/columns/config?name=model.lr")).toEqual({ "run-0": "0.1", "run-1": "0.01" });
  const { config } = await getJson<{ config: { name: string; distinct: number }[] }>("api/columns");
  expect(config[0]).toEqual({ name: "model.lr", distinct: 2 });
  const texts = await Promise.all(
    [runAddress("run-0"), "api/columns/config?name=wandb.api_key"].map(async (path) =>
      (await fetch(address(path))).text(),
    ),
  );
  expect(texts.join()).not.toContain("abc123");
  expect(texts[1]).toContain("***");
});

test("notes are written with the token only, and runs are deleted only when nothing uses them", async () => {
  const { dir, run } = writeRun(join(root, "a"), { status: "running" });
  const [notes, whole] = [runAddress("a", "/annotations"), runAddress("a")];
  const body = { name: "better", tags: ["x"] };
  expect((await write("PUT", notes, body, { "x-write-token": "0" })).status).toBe(401);
  expect((await write("DELETE", whole, undefined, { "x-write-token": "" })).status).toBe(401);
  expect((await write("PUT", notes, body, { origin: "http://evil.example" })).status).toBe(403);
  expect(readAnnotations(dir).name).toBe("");
  expect((await write("PUT", notes, body)).status).toBe(200);
  expect(readAnnotations(dir)).toMatchObject(body);
  await eventually(list).toMatchObject([{ annotations: body }]);
  expect(await write("PUT", notes, { tags: 3 })).toMatchObject({
    status: 400,
    body: { error: expect.stringContaining("tags") },
  });
  expect(await write("PUT", notes, "{")).toMatchObject({ status: 400, body: { error: "expected JSON" } });
  expect((await write("PUT", notes, JSON.stringify({ notes: "x".repeat(200_000) }))).status).toBe(400);
  expect(await write("DELETE", whole)).toMatchObject({
    status: 409,
    body: { error: expect.stringContaining("in use") },
  });
  run.finish("success");
  expect((await write("DELETE", whole)).status).toBe(200);
  expect(existsSync(dir)).toBe(false);
  await eventually(list).toEqual([]);
  expect((await write("DELETE", runAddress(".."))).status).toBe(404);
  writeRun(root);
  expect((await write("DELETE", runAddress("."))).status).toBe(409);
  expect(existsSync(root)).toBe(true);
});

test("only images of runs are served, whatever the path, and their folders stay closed", async () => {
  const { dir, run } = writeRun(join(root, "a"));
  const image = writeImage(dir, 0, Buffer.from("png"));
  writeFileSync(join(dir, "secret.txt"), "secret");
  writeFileSync(join(root, "outside.png"), "outside");
  writeFileSync(join(root, "other.csv"), "step,secret\n1,2\n");
  symlinkSync(join(root, "outside.png"), join(dir, "link.png"));
  symlinkSync(tmpdir(), join(root, "away"));
  expect((await fetch(address(runAddress("a", `/files/${image}`)))).status).toBe(200);
  for (const path of [
    runAddress("a", "/files/secret.txt"),
    runAddress("a", "/files/..%2Foutside.png"),
    runAddress("a", "/files/link.png"),
    runAddress("../.."),
    runAddress("/etc"),
    runAddress("away"),
    "package.json",
    "..%2Fpackage.json",
    "api/nothing",
  ])
    expect((await fetch(address(path))).status, path).toBe(404);
  run.update({ metricsPath: "../other.csv" });
  expect((await fetch(address(runAddress("a", "/metrics")))).status).toBe(404);
  expect((await fetch(address("api/runs"), { method: "POST" })).status).toBe(405);
});

test("a page of another site is refused, whether by its name or by its origin", async () => {
  const status = (headers: Record<string, string>) =>
    new Promise((resolve) => {
      httpRequest(address("api/runs"), { headers }, (response) => resolve(response.statusCode)).end();
    });
  expect(await status({})).toBe(200);
  expect(await status({ Host: "evil.example" })).toBe(403);
  expect(await status({ Origin: "http://evil.example" })).toBe(403);
  expect(await status({ Origin: "null" })).toBe(403);
  expect(await status({ "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors" })).toBe(403);
  const { headers } = await fetch(address(""));
  expect(headers.get("content-security-policy")).toMatch(/script-src 'self'; style-src 'self'; /);
  expect(headers.get("content-security-policy")).not.toContain("unsafe");
});

test("everything that the first paint needs is below 300 kB", async () => {
  const html = await (await fetch(address(""))).text();
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = ""]) => path);
  expect(files.length).toBeGreaterThan(1);
  const sizes = await Promise.all(
    files.map(async (path) => {
      const response = await fetch(address(path));
      expect(response.headers.get("cache-control"), path).toContain("immutable");
      return (await response.arrayBuffer()).byteLength;
    }),
  );
  expect(sizes.reduce((sum, size) => sum + size, html.length)).toBeLessThan(300_000);
});

test("metrics, classes and runs may have the names of an object's own properties", async () => {
  const names = ["constructor", "__proto__", "toString"];
  const { metrics } = writeRun(join(root, "constructor", "__proto__"), { epochs: 0, classes: ["constructor", "x"] });
  metrics.append(Object.fromEntries([["step", 0], ...names.map((name, i): [string, number] => [name, i])]));
  const key = "constructor/__proto__";
  expect(await getJson(runAddress(key))).toMatchObject({ labels: ["constructor", "x"] });
  const { series } = await getJson<RunMetrics>(runAddress(key, "/metrics"));
  expect(Object.keys(series).sort()).toEqual([...names].sort());
});

test("a named pipe in the place of a file is not waited for", async () => {
  const { dir } = writeRun(join(root, "a"));
  for (const name of [runPaths.record, runPaths.metrics, runPaths.labels, runPaths.config, runPaths.log, "pipe.png"]) {
    rmSync(join(dir, name), { force: true });
    execFileSync("mkfifo", [join(dir, name)]);
  }
  await eventually(list).toMatchObject([{ status: "lost" }]);
  expect(await getJson(runAddress("a", "/log"))).toEqual({ text: "", isCut: false });
  for (const path of ["/metrics", "/files/pipe.png"])
    expect((await fetch(address(runAddress("a", path)))).status, path).toBe(404);
});

test("a root that is a link, and one that does not exist yet", async () => {
  writeRun(join(root, "a"));
  const link = join(mkdtempSync(join(tmpdir(), "dashboard-link-")), "outputs");
  symlinkSync(root, link);
  const [linked, missing] = [
    await startDashboard({ root: link, port: 0 }),
    await startDashboard({ root: join(root, "later"), port: 0, pollMs }),
  ];
  const runsOf = async ({ url }: Dashboard) =>
    ((await (await fetch(new URL("api/runs", url))).json()) as RunChanges).runs.map(({ key }) => key);
  await linked.ready;
  expect(await runsOf(linked)).toEqual(["a"]);
  expect((await fetch(new URL(runAddress("a"), linked.url))).status).toBe(200);
  expect(await runsOf(missing)).toEqual([]);
  writeRun(join(root, "later", "b"));
  await eventually(() => runsOf(missing)).toEqual(["b"]);
  await Promise.all([linked.close(), missing.close()]);
});

test("a port that is taken is an error that says what to do", async () => {
  const port = Number(new URL(dashboard.url).port);
  await expect(startDashboard({ root, port })).rejects.toThrow("choose another port");
});

test("while 500 runs are read for the first time, the server answers", async () => {
  writeRuns(join(root, "many"), 500);
  const other = await startDashboard({ root, port: 0 });
  let answers = 0;
  let isReady = false;
  const ready = other.ready.then(() => {
    isReady = true;
  });
  for (; !isReady; answers++) await (await fetch(new URL("api/session", other.url))).json();
  await ready;
  const runs = ((await (await fetch(new URL("api/runs", other.url))).json()) as RunChanges).runs;
  expect(runs.length).toBe(500);
  expect(answers).toBeGreaterThan(5);
  await other.close();
});

test("an extension adds endpoints, and a state that the page follows", async () => {
  let count = 0;
  let tell = () => {};
  let isClosed = false;
  const extended = await startDashboard({
    root,
    port: 0,
    extensions: [
      {
        name: "counter",
        routes: [
          {
            method: "POST",
            path: "counter/bytes",
            maxBytes: 4,
            answer: async ({ body }) => ({ json: [...(body as Buffer)] }),
          },
          { method: "GET", path: "counter/raw", answer: () => ({ bytes: Buffer.from("abc"), type: "text/plain" }) },
          {
            method: "GET",
            path: "counter/*",
            answer: ({ rest }) => {
              throw new CtError({ code: "counter/rest", what: `there is no ${rest}`, fix: "ask for raw" });
            },
          },
        ],
        state: () => ({ count }),
        onChange: (listener) => {
          tell = listener;
          return () => {};
        },
        close: () => {
          isClosed = true;
        },
      },
    ],
  });
  try {
    const at = (path: string) => new URL(path, extended.url);
    const token = /#token=(.+)$/.exec(extended.writeUrl)?.[1] ?? "";
    const post = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
      fetch(at("api/counter/bytes"), { method: "POST", body, headers });
    expect(await (await fetch(at("api/session"))).json()).toMatchObject({ extensions: ["counter"], canWrite: false });
    expect((await post(Uint8Array.of(1), {})).status).toBe(401);
    expect(await (await post(Uint8Array.of(1, 0, 255), { "x-write-token": token })).json()).toEqual([1, 0, 255]);
    expect((await post(new Uint8Array(5), { "x-write-token": token })).status).toBe(400);
    expect(await (await fetch(at("api/counter/raw"))).text()).toBe("abc");
    const refused = await fetch(at("api/counter/other"));
    expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining("there is no other")]);
    expect((await fetch(at("api/other/raw"))).status).toBe(404);

    const stream = await fetch(at("api/stream"));
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
    let text = "";
    const until = async (part: string) => {
      while (!text.includes(part)) text += Buffer.from((await reader.read()).value ?? []).toString("utf8");
    };
    await until('event: counter\ndata: {"count":0}\n\n');
    count = 7;
    tell();
    await until('event: counter\ndata: {"count":7}\n\n');
    expect(await (await fetch(at("api/states"))).json()).toEqual({ counter: { count: 7 } });
    await reader.cancel();
  } finally {
    await extended.close();
  }
  expect(isClosed).toBe(true);
});
