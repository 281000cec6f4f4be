import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type LogRecord, retryAfterMs, setLogSinks } from "@classifier-training/base";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { HttpClient } from "../src/http.ts";
import { artifactRecord } from "../src/wandb/artifacts.ts";
import type { WandbLoggerOptions } from "../src/wandb/options.ts";
import type { WandbRun } from "../src/wandb/run.ts";
import type { SenderTuning } from "../src/wandb/sender-options.ts";
import { syncWandb } from "../src/wandb/sync.ts";
import { WandbLogger } from "../src/wandb-logger.ts";
import type { Fault } from "./fault-server.ts";
import { WandbServer } from "./wandb-server.ts";

vi.setConfig({ testTimeout: 60_000 });

const quick: Partial<SenderTuning> = {
  retry: { minDelayMs: 5, maxDelayMs: 40, totalMs: 60_000, timeoutMs: 5000 },
  transmitIntervalMs: 20,
  heartbeatMs: 50,
  pollMs: 5,
};

const impatient = { ...quick, retry: { ...(quick.retry as SenderTuning["retry"]), timeoutMs: 300 } };

let server: WandbServer;
let said: LogRecord[];
let restore: () => void;
let root: string;
let environment: NodeJS.ProcessEnv;

beforeEach(async () => {
  server = new WandbServer();
  environment = { ...process.env };
  process.env["WANDB_BASE_URL"] = await server.start();
  process.env["WANDB_API_KEY"] = "test-key";
  root = mkdtempSync(join(tmpdir(), "wandb-"));
  said = [];
  restore = setLogSinks([(record) => said.push(record)]);
});

afterEach(async () => {
  process.env = environment;
  restore();
  await server.stop();
  rmSync(root, { recursive: true, force: true });
});

function makeLogger(options: WandbLoggerOptions = {}, tuning = quick): WandbLogger {
  return new WandbLogger(
    {
      saveDir: root,
      project: "jerseys",
      systemMetricsInterval: 0,
      console: false,
      saveGit: false,
      finishTimeout: 30,
      ...options,
    },
    tuning,
  );
}

const steps = (count: number) => Array.from({ length: count }, (_, i) => i);

test("an online run arrives complete: history, summary, configuration, console, system metrics, files, exit code", async () => {
  const logger = makeLogger({
    name: "first",
    tags: ["t"],
    console: true,
    systemMetricsInterval: 0.05,
    config: { lr: 0.1 },
  });
  logger.logHyperparams({ depth: 18 });
  for (const step of steps(200)) {
    logger.logMetrics({ loss: 1 / (step + 1), odd: step === 3 ? Number.NaN : 1 }, step);
    if (step % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  process.stderr.write("a line on the console\n");
  await logger.finalize("success");
  expect(server.history).toHaveLength(200);
  logger.logMetrics({ "test/acc": 0.5 }, 200);
  await logger.finalize("success");
  await logger.close();

  expect(server.problems).toEqual([]);
  expect(server.history.map((row) => row["_step"])).toEqual(steps(201));
  expect(server.history[3]).toMatchObject({ odd: "NaN", loss: 0.25, "trainer/global_step": 3 });
  expect(server.history[200]).toMatchObject({ "test/acc": 0.5 });
  expect(JSON.parse(server.streams.get("wandb-summary.json")?.[0] as string)).toMatchObject({
    _step: 200,
    "test/acc": 0.5,
  });
  expect(server.config).toMatchObject({
    lr: { value: 0.1 },
    depth: { value: 18 },
    _wandb: { value: { t: { 5: expect.any(String) } } },
  });
  expect(server.config["_wandb"]?.value).toMatchObject({
    m: expect.arrayContaining([expect.objectContaining({ 1: "loss", 5: 1 })]),
  });
  expect(server.upserts[0]).toMatchObject({
    name: logger.version,
    displayName: "first",
    tags: ["t"],
    project: "jerseys",
  });
  expect(server.upserts.at(-1)).toMatchObject({ id: "storage-id" });
  expect(server.streams.get("output.log")?.join("\n")).toMatch(
    /ERROR \d{4}-\d\d-\d\dT[\d:.]{15} a line on the console/,
  );
  expect(server.streams.get("wandb-events.jsonl")?.[0]).toContain('"system.memory_percent"');
  expect([...server.files.keys()].sort()).toEqual([
    "config.yaml",
    "output.log",
    "requirements.txt",
    "wandb-metadata.json",
    "wandb-summary.json",
  ]);
  expect(server.uploaded.sort()).toEqual([...server.files.keys()].sort());
  expect(server.exitCode).toBe(0);
  expect(said.map(({ message }) => message)).toEqual([
    expect.stringMatching(/wandb: run first at http.*\/someone\/jerseys\/runs\//),
  ]);
  const synced = readdirSync(logger.logDir as string).filter((name) => name.endsWith(".synced"));
  expect(synced).toHaveLength(1);
});

const troubles: readonly [string, (Fault | undefined)[]][] = [
  [
    "errors 500 and 503",
    [{ kind: "status", status: 500 }, { kind: "status", status: 503 }, undefined, { kind: "status", status: 502 }],
  ],
  [
    "429 with Retry-After",
    [
      undefined,
      { kind: "status", status: 429, retryAfter: "0.2" },
      undefined,
      { kind: "status", status: 429, retryAfter: "0" },
    ],
  ],
  ["connection resets", [{ kind: "reset" }, undefined, { kind: "reset" }, { kind: "reset" }]],
  [
    "answers lost after the work was done",
    [undefined, { kind: "lostAnswer" }, { kind: "lostAnswer" }, undefined, { kind: "lostAnswer" }],
  ],
  ["time-outs", [undefined, { kind: "silence" }, undefined, { kind: "silence" }]],
  [
    "slow reads",
    [
      { kind: "slow", ms: 30 },
      { kind: "slow", ms: 60 },
      { kind: "slow", ms: 60 },
    ],
  ],
];

test.each(troubles)("with %s every metric arrives once and in order", async (_, faults) => {
  server.faults = [...faults, ...faults, ...faults];
  const isSilent = faults.some((fault) => fault?.kind === "silence");
  const logger = makeLogger({}, isSilent ? impatient : quick);
  for (const step of steps(300)) {
    logger.logMetrics({ loss: step }, step);
    if (step % 30 === 0) await new Promise((resolve) => setTimeout(resolve, 25));
  }
  await logger.finalize("success");
  await logger.close();
  expect(server.problems).toEqual([]);
  expect(server.history.map((row) => [row["_step"], row["loss"]])).toEqual(steps(300).map((i) => [i, i]));
  expect(server.exitCode).toBe(0);
});

test.each([
  [null, undefined, false],
  [null, "true", true],
  [true, undefined, true],
  [false, "true", false],
])(
  "uncommitted changes are uploaded only when that was asked for (save_code: %s, WANDB_SAVE_CODE: %s)",
  async (saveCode, variable, isAsked) => {
    if (variable !== undefined) process.env["WANDB_SAVE_CODE"] = variable;
    const before = process.cwd();
    const git = (...args: string[]) =>
      spawnSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: root });
    writeFileSync(join(root, "code.ts"), "committed");
    git("init", "-q");
    git("add", "code.ts");
    git("commit", "-qm", "first");
    writeFileSync(join(root, "code.ts"), "not committed");
    process.chdir(root);
    try {
      const logger = makeLogger({ saveGit: true, saveCode });
      logger.logMetrics({ loss: 1 }, 0);
      await logger.close();
    } finally {
      process.chdir(before);
    }
    expect(server.upserts.at(-1)?.["commit"]).toMatch(/^[0-9a-f]{40}$/);
    expect(server.files.has("diff.patch")).toBe(isAsked);
  },
);

test("only files that were asked for are uploaded, whatever the server names", async () => {
  const secret = join(root, "secret.txt");
  writeFileSync(secret, "secret");
  const logger = makeLogger();
  logger.logMetrics({ loss: 1 }, 0);
  const files = join(logger.logDir as string, "files");
  server.extraFiles = [relative(files, secret), secret, "config.yaml", "config.yaml"];
  await logger.close();
  expect([...server.files.keys()]).toContain("config.yaml");
  expect([...server.files.values()].map(String)).not.toContain("secret");
  expect(server.uploaded.filter((name) => name === "config.yaml")).toHaveLength(1);
});

test("a run of someone else's is synced without the files of this machine that it names", async () => {
  const secret = join(root, "secret.txt");
  writeFileSync(secret, "secret");
  const logger = makeLogger({ offline: true });
  const run = logger.experiment as WandbRun;
  symlinkSync(secret, join(run.filesDir, "link.txt"));
  run.announceFiles([relative(run.filesDir, secret), "link.txt"], "now");
  const file = { name: "model.ckpt", localPath: secret, digest: "d", size: 6 };
  run.logArtifact(artifactRecord({ name: "model", type: "model", aliases: [], metadata: {} }, [file]));
  await logger.close();
  await syncWandb(run.dir, { tuning: quick });
  expect(server.exitCode).toBe(0);
  expect([...server.files.values()].map(String)).not.toContain("secret");
  expect(server.artifacts.map(({ isCommitted }) => isCommitted)).toEqual([false]);
  expect(readFileSync(secret, "utf8")).toBe("secret");
});

test("a server that asks for no wait is not asked without one", async () => {
  server.faults = Array.from({ length: 3 }, () => ({ kind: "status", status: 503, retryAfter: "0" }) as const);
  const times: number[] = [];
  const client = new HttpClient({
    retry: { minDelayMs: 50, maxDelayMs: 100, totalMs: 60_000, timeoutMs: 5000 },
    headers: {},
    secrets: [],
    onRetry: () => times.push(performance.now()),
  });
  await client.get(`${server.url}/anything`).catch(() => {});
  expect(times).toHaveLength(3);
  // Timers may be a millisecond early.
  for (const [i, time] of times.entries()) expect(time - (times[i - 1] ?? time - 50)).toBeGreaterThan(48);
});

test("a server that asks for a longer wait than there is time is given up at once", async () => {
  server.faults = [{ kind: "status", status: 503, retryAfter: "3600" }];
  const client = new HttpClient({
    retry: { minDelayMs: 5, maxDelayMs: 100, totalMs: 60_000, timeoutMs: 5000 },
    headers: {},
    secrets: [],
  });
  await expect(client.get(`${server.url}/anything`)).rejects.toThrow("no answer in time; last: HTTP 503");
});

test("an abort ends the wait between two attempts, with the abort's reason", async () => {
  server.faults = Array.from({ length: 2 }, () => ({ kind: "status", status: 503, retryAfter: "30" }) as const);
  const abort = new AbortController();
  const client = new HttpClient({
    retry: { minDelayMs: 30_000, maxDelayMs: 60_000, totalMs: 600_000, timeoutMs: 5000 },
    headers: {},
    secrets: [],
    signal: abort.signal,
    onRetry: () => setImmediate(() => abort.abort(new Error("the run is over"))),
  });
  await expect(client.get(`${server.url}/anything`)).rejects.toThrow("the run is over");
});

test("Retry-After is kept: seconds and dates", async () => {
  expect(retryAfterMs("2")).toBe(2000);
  expect(retryAfterMs("Wed, 21 Oct 2015 07:28:05 GMT", Date.parse("Wed, 21 Oct 2015 07:28:00 GMT"))).toBe(5000);
  expect(retryAfterMs("soon")).toBeUndefined();
  server.faultyPath = /file_stream/;
  server.faults = [{ kind: "status", status: 429, retryAfter: "0.4" }];
  const logger = makeLogger();
  logger.logMetrics({ loss: 1 }, 0);
  await logger.close();
  const [first, second] = server.requests.filter(({ path }) => path.endsWith("file_stream"));
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(395);
});

test("a server that is gone slows nothing down and loses nothing: the rest is synced later, once and in order", async () => {
  const logger = makeLogger(
    { finishTimeout: 0.5 },
    { ...quick, retry: { ...(quick.retry as SenderTuning["retry"]), totalMs: 1e9 } },
  );
  for (const step of steps(100)) logger.logMetrics({ loss: step }, step);
  await expect.poll(() => server.history.length, { timeout: 30_000 }).toBe(100);
  server.faults = Array.from({ length: 10_000 }, () => ({ kind: "reset" }) as const);
  const begin = performance.now();
  for (const step of steps(2000)) logger.logMetrics({ loss: 100 + step }, 100 + step);
  expect(performance.now() - begin).toBeLessThan(4000);
  await logger.close();
  expect(server.history).toHaveLength(100);
  expect(server.exitCode).toBeUndefined();
  expect(said.map(({ message }) => message).join("\n")).toContain(
    `'classifier wandb sync ${logger.logDir}' sends the rest`,
  );

  server.faults = [{ kind: "status", status: 500 }, undefined, { kind: "lostAnswer" }];
  expect(await syncWandb(logger.logDir as string, { tuning: quick })).toMatchObject([{ outcome: "sent" }]);
  expect(said.map(({ message }) => message)).toContain("wandb: the server does not answer (HTTP 500); retrying");
  expect(server.problems).toEqual([]);
  expect(server.history.map((row) => row["loss"])).toEqual(steps(2100));
  expect(server.exitCode).toBe(0);
  expect(await syncWandb(join(root, "wandb"), { tuning: quick })).toMatchObject([{ outcome: "skipped" }]);
});

test("an offline run is synced with its images; a killed one has exit code 1", async () => {
  const png = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
  );
  const logger = makeLogger({ offline: true });
  logger.logImage("confusion", [{ png }], 0);
  expect(await syncWandb(root, { tuning: quick })).toMatchObject([{ outcome: "running" }]);
  // As if its process had been killed.
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  writeFileSync(join(logger.logDir as string, "logs", "writer.json"), JSON.stringify({ pid: dead, host: hostname() }));
  await syncWandb(logger.logDir as string, { tuning: quick, project: "elsewhere" });
  await logger.close();
  expect(server.exitCode).toBe(1);
  expect(server.upserts[0]?.["project"]).toBe("elsewhere");
  const { path } = (server.history[0] as { confusion: { path: string } }).confusion;
  expect(server.files.get(path)?.equals(png)).toBe(true);
});

test("a refused key is said once, keeps training and the files, and appears nowhere", async () => {
  server.expectedKey = "another-key";
  process.env["WANDB_API_KEY"] = "very-secret-key-0123456789";
  const logger = makeLogger({ console: true, saveGit: true });
  logger.logMetrics({ loss: 1 }, 0);
  await logger.close(1);
  const messages = said.map(({ message }) => message).join("\n");
  expect(messages).toMatch(/not everything was sent \(HTTP 401/);
  const secrets = ["very-secret-key-0123456789", Buffer.from("api:very-secret-key-0123456789").toString("base64")];
  for (const secret of secrets) {
    expect(messages).not.toContain(secret);
    for (const file of readdirSync(root, { recursive: true, encoding: "utf8" })) {
      const path = join(root, file);
      if (statSync(path).isFile()) expect(readFileSync(path).includes(secret), path).toBe(false);
    }
  }
});

test("a checkpoint is kept as an artifact even when it is deleted right after it was saved", async () => {
  const logger = makeLogger({ logModel: "all" });
  const checkpoint = join(root, "best.ckpt");
  writeFileSync(checkpoint, "weights");
  logger.afterSaveCheckpoint({
    bestModelPath: checkpoint,
    bestModelScore: 0.9,
    monitor: "val/acc",
    mode: "max",
    saveTopK: 1,
  });
  rmSync(checkpoint);
  await logger.finalize("success");
  await logger.close();
  expect(server.problems).toEqual([]);
  expect(server.artifacts).toMatchObject([
    {
      isCommitted: true,
      input: {
        artifactTypeName: "model",
        artifactCollectionName: `model-${logger.version}`,
        aliases: [{ alias: "latest" }, { alias: "best" }],
        digestAlgorithm: "MANIFEST_MD5",
      },
    },
  ]);
  expect(String(server.files.get("artifact/model.ckpt"))).toBe("weights");
  const manifest = JSON.parse(String(server.files.get("manifest")));
  expect(manifest).toMatchObject({ version: 1, contents: { "model.ckpt": { size: 7, birthArtifactID: "birth" } } });
});

test("a resumed run continues behind the lines and steps that the server has", async () => {
  server.resumed = {
    historyLineCount: 2,
    eventsLineCount: 0,
    logLineCount: 0,
    historyTail: JSON.stringify([JSON.stringify({ _step: 6 })]),
    wandbConfig: "{}",
  };
  server.streams.set("wandb-history.jsonl", ['{"_step":5}', '{"_step":6}']);
  const logger = makeLogger({ id: "old-run", resume: "must" });
  logger.logMetrics({ loss: 1 }, 0);
  logger.logMetrics({ loss: 2 }, 1);
  await logger.close();
  expect(server.history.map((row) => row["_step"])).toEqual([5, 6, 7, 8]);
});

test("Stop on the run's page reaches the logger", async () => {
  server.isStopping = true;
  const logger = makeLogger();
  logger.logMetrics({ loss: 1 }, 0);
  await logger.finalize("success");
  expect(logger.stopRequested).toBe(true);
  await logger.close();
});

test.each([
  ["that just ends: the server has the run and its exit code", "process.exitCode = 3;", 3],
  ["that calls process.exit: the files are complete, and a sync sends them", "process.exit(4);", 4],
])("a process %s", async (_, ending, code) => {
  const script = join(root, "log.mts");
  const entry = new URL("../src/wandb-logger.ts", import.meta.url).href;
  writeFileSync(
    script,
    `const { WandbLogger } = await import(${JSON.stringify(entry)});
     const logger = new WandbLogger({ saveDir: ${JSON.stringify(root)}, systemMetricsInterval: 0, saveGit: false });
     for (let step = 0; step < 50; step++) logger.logMetrics({ a: step }, step);
     ${ending}`,
  );
  const args = ["--conditions=classifier-source", "--import", import.meta.resolve("tsx"), script];
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  expect(await new Promise((resolve) => child.once("exit", resolve))).toBe(code);
  if (ending.includes("exit(")) await syncWandb(root, { tuning: quick });
  expect(server.problems).toEqual([]);
  expect(server.history.map((row) => row["a"])).toEqual(steps(50));
  expect(server.exitCode).toBe(code);
});
