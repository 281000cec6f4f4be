import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogRecord, setLogSinks } from "@classifier-training/base";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parse as parseYaml } from "yaml";
import { syncMlflow } from "../src/mlflow/sync.ts";
import { MLFlowLogger } from "../src/mlflow-logger.ts";
import type { Fault } from "./fault-server.ts";
import { MlflowServer } from "./mlflow-server.ts";

vi.setConfig({ testTimeout: 30_000 });

const quick = { minDelayMs: 5, maxDelayMs: 40, totalMs: 60_000, timeoutMs: 5000 };
const impatient = { ...quick, timeoutMs: 300 };

let server: MlflowServer;
let root: string;
let said: LogRecord[];
let restore: () => void;

beforeEach(async () => {
  server = new MlflowServer();
  await server.start();
  root = mkdtempSync(join(tmpdir(), "mlflow-"));
  said = [];
  restore = setLogSinks([(record) => said.push(record)]);
});

afterEach(async () => {
  restore();
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

/** Runs a module of the sources in a process of its own, and expects that it kills itself. */
async function runKilled(source: string): Promise<void> {
  const flags = ["--conditions=classifier-source", "--import", import.meta.resolve("tsx"), "--input-type=module"];
  const child = spawn(process.execPath, [...flags, "-e", source], { stdio: ["ignore", "inherit", "inherit"] });
  expect((await once(child, "exit"))[1]).toBe("SIGKILL");
}

const steps = (count: number) => Array.from({ length: count }, (_, i) => i);

test("a run at a server has its parameters, metrics, tags, images, checkpoints and status", async () => {
  const logger = new MLFlowLogger(
    { trackingUri: server.url, experimentName: "jerseys", runName: "first", tags: { team: "a" }, logModel: true },
    quick,
  );
  logger.logHyperparams({ model: { name: "resnet18", layers: [2, 2] }, lr: 0.1 });
  for (const step of steps(50))
    logger.logMetrics({ "train/loss": 1 / (step + 1), odd: step === 3 ? Number.NaN : 1 }, step);
  logger.logImage("confusion", [{ png: Buffer.from("png") }], 7);
  const checkpoint = join(root, "best.ckpt");
  writeFileSync(checkpoint, "weights");
  logger.afterSaveCheckpoint({ bestModelPath: checkpoint, bestModelScore: 0.5 });
  await logger.finalize("success");
  expect(server.problems).toEqual([]);
  expect(server.experiments).toEqual([{ id: "1", name: "jerseys" }]);
  expect(server.runs).toMatchObject([{ status: "FINISHED" }]);
  expect(Object.fromEntries(server.runs[0]?.tags ?? [])).toMatchObject({
    team: "a",
    "mlflow.runName": "first",
    "mlflow.source.type": "LOCAL",
  });
  expect(Object.fromEntries(server.params)).toEqual({ "model/name": "resnet18", "model/layers": "[2,2]", lr: "0.1" });
  expect(server.metrics.filter(({ key }) => key === "train/loss").map(({ step }) => step)).toEqual(steps(50));
  expect(server.metrics.find(({ key, step }) => key === "odd" && step === 3)?.value).toBe("NaN");
  expect(String(server.artifacts.get("1/run0/artifacts/best/best.ckpt"))).toBe("weights");
  expect(String(server.artifacts.get("1/run0/artifacts/images/confusion/step_000007.png"))).toBe("png");
  expect(logger).toMatchObject({ name: "1", version: "run0" });
});

const troubles: readonly [string, (Fault | undefined)[]][] = [
  ["errors 500", [{ kind: "status", status: 500 }, undefined, { kind: "status", status: 503 }, undefined]],
  ["429 with Retry-After", [undefined, { kind: "status", status: 429, retryAfter: "0.1" }]],
  ["connection resets", [{ kind: "reset" }, undefined, { kind: "reset" }, { kind: "reset" }]],
  [
    "lost answers",
    [
      undefined,
      { kind: "lostAnswer" },
      undefined,
      { kind: "lostAnswer" },
      { kind: "lostAnswer" },
      { kind: "lostAnswer" },
    ],
  ],
  ["time-outs", [undefined, { kind: "silence" }, undefined, { kind: "silence" }]],
  [
    "slow reads",
    [
      { kind: "slow", ms: 50 },
      { kind: "slow", ms: 50 },
    ],
  ],
];

test.each(troubles)("with %s every metric arrives once and in order, in one run", async (_, faults) => {
  server.faults = [...faults, ...faults, ...faults];
  const isSilent = faults.some((fault) => fault?.kind === "silence");
  const logger = new MLFlowLogger({ trackingUri: server.url }, isSilent ? impatient : quick);
  for (const step of steps(200)) {
    logger.logMetrics({ loss: step }, step);
    if (step % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 15));
  }
  await logger.finalize("failed");
  expect(server.problems).toEqual([]);
  expect(server.metrics.map(({ step, value }) => [step, value])).toEqual(steps(200).map((i) => [i, i]));
  expect(server.runs).toHaveLength(1);
  expect(server.runs[0]?.status).toBe("FAILED");
});

test("what a server that is gone has not accepted is kept in a file, and training is not held up", async () => {
  server.faults = Array.from({ length: 10_000 }, () => ({ kind: "reset" }) as const);
  const logger = new MLFlowLogger(
    { trackingUri: server.url, saveDir: root, finishTimeout: 0.2 },
    { ...quick, totalMs: 1e9 },
  );
  const begin = performance.now();
  for (const step of steps(1000)) logger.logMetrics({ loss: step }, step);
  expect(performance.now() - begin).toBeLessThan(3000);
  await logger.finalize("success");
  const [file] = readdirSync(root).filter((name) => name.startsWith("mlflow-unsent"));
  const kept = readFileSync(join(root, file as string), "utf8")
    .trim()
    .split("\n");
  expect(kept).toHaveLength(1000);
  expect(said.at(-1)?.message).toContain("1000 metrics are kept in");
});

test("what was kept is kept by run, and sent once the server is back", async () => {
  server.faults = Array.from({ length: 10_000 }, () => ({ kind: "reset" }) as const);
  for (const [i, experimentName] of ["first", "second"].entries()) {
    const options = { trackingUri: server.url, experimentName, runName: experimentName, saveDir: root };
    const logger = new MLFlowLogger({ ...options, finishTimeout: 0.1 }, { ...quick, totalMs: 1e9 });
    logger.logHyperparams({ lr: i });
    for (const step of steps(5)) logger.logMetrics({ loss: step === 3 ? Number.NaN : i }, step);
    await logger.finalize("success");
  }
  const kept = readdirSync(root).filter((name) => name.startsWith("mlflow-"));
  expect(kept).toHaveLength(4);
  await expect(syncMlflow(root, { patience: 0.1, retry: { ...quick, totalMs: 1e9 } })).rejects.toThrow(
    "the server did not accept everything",
  );
  expect(readdirSync(root).filter((name) => name.startsWith("mlflow-"))).toEqual(kept);
  server.faults = [];
  expect(await syncMlflow(root, { retry: quick })).toMatchObject([{ metrics: 5 }, { metrics: 5 }]);
  expect(server.experiments.map(({ name }) => name).sort()).toEqual(["first", "second"]);
  expect(server.runs.map(({ status }) => status)).toEqual(["FINISHED", "FINISHED"]);
  expect(server.metrics.map(({ step, value }) => [step, value]).sort()).toEqual(
    [0, 1].flatMap((i) => steps(5).map((step) => [step, step === 3 ? "NaN" : i])).sort(),
  );
  expect(readdirSync(root).filter((name) => name.startsWith("mlflow-"))).toEqual([]);
  await expect(syncMlflow(root)).rejects.toThrow("no metrics are kept here");
});

test("metrics that wait for a server outlive a kill, and are sent later", async () => {
  server.faults = [...Array(3).fill(undefined), ...Array.from({ length: 10_000 }, () => ({ kind: "reset" }) as const)];
  await runKilled(`
    import { setLogSinks } from "@classifier-training/base";
    import { MLFlowLogger } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)};
    const isStalled = new Promise((resolve) => setLogSinks([({ message }) => message.includes("does not answer") && resolve()]));
    const logger = new MLFlowLogger(${JSON.stringify({ trackingUri: server.url, saveDir: root })}, ${JSON.stringify({ ...quick, totalMs: 1e9 })});
    logger.logMetrics({ loss: 0 }, 0);
    await isStalled;
    for (const step of [1, 2, 3]) logger.logMetrics({ loss: step }, step);
    process.kill(process.pid, "SIGKILL");`);
  server.faults = [];
  expect(await syncMlflow(root, { retry: quick })).toMatchObject([{ runId: "run0", metrics: 4 }]);
  expect(server.runs).toHaveLength(1);
  expect(server.metrics.map(({ step, value }) => [step, value])).toEqual(steps(4).map((i) => [i, i]));
});

test("what was kept while the server did not answer is gone once it has taken it", async () => {
  server.faults = [...Array(2).fill(undefined), ...Array.from({ length: 3 }, () => ({ kind: "reset" }) as const)];
  const logger = new MLFlowLogger({ trackingUri: server.url, saveDir: root }, quick);
  for (const step of steps(3)) logger.logMetrics({ loss: step }, step);
  await expect.poll(() => said.map(({ message }) => message).join()).toContain("retrying while training continues");
  for (const step of [3, 4]) logger.logMetrics({ loss: step }, step);
  await logger.finalize("success");
  expect(server.metrics.map(({ step }) => step)).toEqual(steps(5));
  expect(readdirSync(root).filter((name) => name.startsWith("mlflow-"))).toEqual([]);
});

test("metrics that come after the server refused the run are kept, too", async () => {
  server.faults = Array.from({ length: 50 }, () => ({ kind: "status", status: 403 }) as const);
  const logger = new MLFlowLogger({ trackingUri: server.url, saveDir: root }, quick);
  logger.logMetrics({ loss: 0 }, 0);
  await expect.poll(() => said.map(({ message }) => message).join()).toContain("the run could not be begun");
  logger.logMetrics({ loss: 1 }, 1);
  await logger.finalize("success");
  server.faults = [];
  await syncMlflow(root, { retry: quick });
  expect(server.metrics.map(({ step }) => step)).toEqual([0, 1]);
});

test("the file store has MLflow's folders and files", async () => {
  const logger = new MLFlowLogger({ trackingUri: `file:${root}`, experimentName: "jerseys", runName: "first" });
  logger.logHyperparams({ lr: 0.1 });
  logger.logMetrics({ "val/acc": 0.5, odd: Number.NaN }, 0);
  logger.logMetrics({ "val/acc": 0.75 }, 1);
  logger.logText("note", "hello", 1);
  await logger.finalize("interrupted");
  const run = join(root, logger.name as string, logger.version as string);
  expect(parseYaml(readFileSync(join(root, logger.name as string, "meta.yaml"), "utf8"))).toMatchObject({
    name: "jerseys",
    lifecycle_stage: "active",
    experiment_id: logger.name,
  });
  expect(parseYaml(readFileSync(join(run, "meta.yaml"), "utf8"))).toMatchObject({
    run_id: logger.version,
    run_name: "first",
    status: 5,
    source_type: 4,
  });
  expect(readFileSync(join(run, "metrics/val/acc"), "utf8")).toMatch(/^\d{13} 0\.5 0\n\d{13} 0\.75 1\n$/);
  expect(readFileSync(join(run, "metrics/odd"), "utf8")).toMatch(/^\d{13} nan 0\n$/);
  expect(readFileSync(join(run, "params/lr"), "utf8")).toBe("0.1");
  expect(readFileSync(join(run, "tags/mlflow.runName"), "utf8")).toBe("first");
  expect(existsSync(join(run, "artifacts/texts/note/step_1.txt"))).toBe(true);

  const again = new MLFlowLogger({
    trackingUri: `file:${root}`,
    experimentName: "jerseys",
    runId: logger.version as string,
  });
  again.logMetrics({ "val/acc": 1 }, 2);
  await again.finalize("success");
  expect(again.name).toBe(logger.name);
  expect(readFileSync(join(run, "metrics/val/acc"), "utf8").trim().split("\n")).toHaveLength(3);
  expect(parseYaml(readFileSync(join(run, "meta.yaml"), "utf8"))).toMatchObject({ status: 3 });
});

test("a tracking URI of an unknown kind is an error that says what is possible", () => {
  const logger = new MLFlowLogger({ trackingUri: "databricks://x" });
  expect(() => logger.logMetrics({ a: 1 }, 0)).toThrowErrorMatchingInlineSnapshot(`
    [CtError: trackingUri: expected http://, https:// or file:, received 'databricks://x'
      fix: set it to http://HOST:PORT, https://HOST, or file:FOLDER]
  `);
});
