import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Job, JobsState, TrainingCheck } from "@classifier-training/dashboard";
import { type Dashboard, startDashboard } from "@classifier-training/dashboard";
import { listRuns } from "@classifier-training/runs";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { writeSampleImages } from "../src/scaffold/sample-images.ts";
import { jobsExtension } from "../src/studio/jobs/extension.ts";

vi.setConfig({ testTimeout: 120_000 });

const photos = "a b ü";
const tiny = ["data.image_size=32", "model.width=8", "model.stem=small", "model.pretrained=false"];
const options = { overrides: [...tiny, "trainer.max_epochs=400", "data.num_workers=0"] };

const dir = realpathSync(mkdtempSync(join(tmpdir(), "studio-jobs a b ü-")));
const before = process.cwd();
let studio: Dashboard | undefined;

beforeAll(() => {
  writeSampleImages(join(dir, photos), 8, "train");
  process.chdir(dir);
});
afterEach(() => close());
afterAll(() => {
  process.chdir(before);
  rmSync(dir, { recursive: true, force: true });
});

async function open(folder = photos): Promise<void> {
  studio = await startDashboard({
    root: "outputs",
    port: 0,
    pollMs: 100,
    extensions: [jobsExtension({ folder: join(dir, folder), runs: join(dir, "outputs") })],
  });
}

async function close(): Promise<void> {
  await studio?.close();
  studio = undefined;
}

async function ask<T>(path: string, method = "GET", body?: unknown): Promise<T & { readonly error?: string }> {
  const url = new URL((studio as Dashboard).writeUrl);
  const response = await fetch(new URL(`/api/${path}`, url), {
    method,
    headers: { "x-write-token": url.hash.replace("#token=", "") },
    ...(body !== undefined && { body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body) }),
  });
  return (await response.json()) as T & { readonly error?: string };
}

const start = (kind: string, given: object = {}) => ask<Job>("jobs", "POST", { kind, options: given });
const jobs = async () => (await ask<{ readonly jobs: JobsState }>("states")).jobs.jobs;
const job = async (id: string) => (await jobs()).find((one) => one.id === id) as Job;
const until = (id: string, status: Job["status"]) =>
  expect.poll(() => job(id).then((one) => one?.status), { timeout: 60_000, interval: 100 }).toBe(status);

test("a training survives the studio, is stopped saved, resumed, and found dead when it was killed", async () => {
  await open();
  const first = await start("train", options);
  expect(first.command).toBe(`classifier train "${photos}" ${options.overrides.join(" ")}`);
  // One at a time; the same again is the same job, and what waits can be taken back.
  const waiting = await start("check");
  expect(waiting.status).toBe("queued");
  expect((await start("check")).id).toBe(waiting.id);
  await ask(`jobs/${waiting.id}`, "DELETE");
  expect((await job(waiting.id)).status).toBe("canceled");
  await expect.poll(() => job(first.id).then(({ run }) => run), { timeout: 60_000 }).toBeTruthy();
  const { run } = await job(first.id);
  await expect
    .poll(() => ask<{ text: string }>(`job-logs/${first.id}`).then(({ text }) => text), { timeout: 60_000 })
    .toMatch(/^Epoch \d+\/400/m);
  const { decisions } = await ask<{ decisions: { key: string; value: string }[] }>(`job-decisions/${first.id}`);
  expect(decisions.find(({ key }) => key === "data.batch_size")?.value).toBe("16");

  await close();
  expect(listRuns("outputs").map(({ status }) => status)).toEqual(["running"]);
  await open();
  expect(await job(first.id)).toMatchObject({ status: "running", run, isStale: false });
  writeFileSync(join(photos, "circle", "more.png"), readFileSync(join(photos, "circle", "000.png")));
  await expect.poll(() => job(first.id).then(({ isStale }) => isStale), { timeout: 10_000 }).toBe(true);
  rmSync(join(photos, "circle", "more.png"));
  await ask(`jobs/${first.id}`, "DELETE");
  await until(first.id, "stopped");
  expect(listRuns("outputs").map(({ status }) => status)).toEqual(["interrupted"]);

  const second = await start("train", options);
  await expect
    .poll(() => ask<{ text: string }>(`job-logs/${second.id}`).then(({ text }) => text), { timeout: 60_000 })
    .toMatch(/resumes run/);
  await expect.poll(() => job(second.id).then((one) => one.run), { timeout: 60_000 }).toBeTruthy();
  const killed = listRuns("outputs").find(({ status }) => status === "running");
  process.kill(killed?.record.pid as number, "SIGKILL");
  await until(second.id, "failed");
  await ask(`jobs/${second.id}`, "DELETE");
  expect(await job(second.id)).toBeUndefined();
  expect(existsSync(join(photos, ".classifier/jobs", second.id))).toBe(false);
  expect(readdirSync(join(photos, ".classifier/jobs")).length).toBe(2);
});

test("what a training would do is known before it begins", async () => {
  await open();
  const { ok, command, remarks } = await ask<TrainingCheck>("training-check", "POST", { time: "1m", imageSize: 32 });
  expect({ ok, command }).toEqual({ ok: true, command: `classifier train "${photos}" time=1m data.image_size=32` });
  expect(remarks).toContainEqual(expect.stringMatching(/^train: \d+ samples, 3 classes/));
});

test("a check of the data keeps its result, and a job that fails has its sentence and what to do", async () => {
  await open();
  const check = await start("check");
  await until(check.id, "done");
  const report = await ask<{ splits: unknown[] }>(`job-results/${check.id}`);
  expect(report.splits.length).toBeGreaterThan(0);
  await close();
  await open();
  expect(await job(check.id)).toMatchObject({ status: "done", hasResult: true });
  await close();

  mkdirSync("one/cat", { recursive: true });
  writeFileSync("one/cat/1.png", readFileSync(join(photos, "circle", "000.png")));
  await open("one");
  const failing = await start("train");
  await until(failing.id, "failed");
  const { error } = await job(failing.id);
  expect(error?.what).toMatch(/^its images are all of one class, cat: a classifier needs two or more\n {2}where: one/);
  expect(error?.fix).toContain("expected one folder of images for each class");
  expect(await ask("training-check", "POST", {})).toMatchObject({ ok: false, problem: { what: error?.what } });
});

test.each([
  ["an unknown override", { overrides: ["model.widht=3"] }, /Could not override 'model.widht'/],
  ["a value of another type", { overrides: ["trainer.max_epochs=abc"] }, /expected number/],
])("%s is said before a training begins", async (_what, given, message) => {
  await open();
  const { ok, problem } = await ask<{ ok: boolean; problem?: { what: string } }>("training-check", "POST", given);
  expect(ok).toBe(false);
  expect(problem?.what).toMatch(message);
});

test.each([
  ["jobs", { kind: "rm" }, /^kind: expected suspects/],
  ["jobs", { kind: "train", options: { overrides: ["--help"] } }, /expected an override/],
  ["jobs", { kind: "train", options: { time: "soon" } }, /expected a time such as 20m/],
  ["jobs", { kind: "export", options: { runs: ["../.."] } }, /there is no run/],
  ["jobs", { kind: "check", options: { command: "x" } }, /unknown option 'command'/],
  ["predictions?run=nowhere", new Uint8Array(3), /there is no run nowhere/],
])("%s %j is refused with a sentence", async (path, body, message) => {
  await open();
  expect((await ask(path, "POST", body)).error).toMatch(message);
  expect(await jobs()).toEqual(expect.not.arrayContaining([expect.objectContaining({ status: "queued" })]));
});
