import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadCheckpoint } from "../src/index.ts";

vi.setConfig({ testTimeout: 120_000 });

const script = fileURLToPath(new URL("./kill/run.ts", import.meta.url));
let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "signals-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs the training, and does something with the process when the first step has begun. */
function run(
  stepMs: number,
  act?: (kill: (signal: NodeJS.Signals) => void) => void,
  env: Readonly<Record<string, string>> = {},
): Promise<number | null> {
  const child = spawn(
    process.execPath,
    ["--conditions=classifier-source", "--import", "tsx", script, dir, String(stepMs)],
    {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, KILL_TEST_CHILD: "1", OMP_NUM_THREADS: "1", ...env },
    },
  );
  child.stdout.once("data", () => act?.((signal) => child.kill(signal)));
  return new Promise((resolve) => child.on("exit", (code) => resolve(code)));
}

const checkpoints = () => readdirSync(join(dir, "checkpoints"));

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)(
  "%s saves the run and ends it with %i, and it can be resumed",
  async (signal, code) => {
    expect(await run(20, (kill) => setTimeout(() => kill(signal), 150))).toBe(code);
    expect(checkpoints().filter((name) => name.startsWith("last"))).toEqual(["last.ckpt"]);
    expect(existsSync(join(dir, "result.json"))).toBe(false);
    expect(await run(0)).toBe(0);
    expect(JSON.parse(readFileSync(join(dir, "result.json"), "utf8"))).toMatchObject({ steps: 20 });
  },
  180_000,
);

test("a second SIGINT ends the run at once", async () => {
  const code = await run(3000, (kill) => {
    setTimeout(() => kill("SIGINT"), 100);
    setTimeout(() => kill("SIGINT"), 300);
  });
  expect(code).toBe(130);
}, 120_000);

test("SIGUSR1 saves while training continues", async () => {
  expect(await run(20, (kill) => setTimeout(() => kill("SIGUSR1"), 100))).toBe(0);
  expect(loadCheckpoint(join(dir, "checkpoints", "last.ckpt")).globalStep).toBe(20);
}, 120_000);

test.each([
  ["a job", { SLURM_JOB_ID: "4711" }, "requeue 4711"],
  [
    "a job of an array",
    { SLURM_JOB_ID: "4711", SLURM_ARRAY_JOB_ID: "4700", SLURM_ARRAY_TASK_ID: "3" },
    "requeue 4700_3",
  ],
] as const)(
  "SIGUSR1 under SLURM saves %s, hands it back to the queue, and the requeued run resumes",
  async (_what, variables, command) => {
    // A command of that name that writes down how it was called, and what was saved by then.
    const bin = join(dir, "bin");
    mkdirSync(bin);
    const calls = join(dir, "calls.txt");
    const script = `#!/bin/sh\necho "$@" >> '${calls}'\nls '${join(dir, "checkpoints")}' >> '${calls}'\n`;
    writeFileSync(join(bin, "scontrol"), script, { mode: 0o755 });
    const env = { ...variables, PATH: `${bin}:${process.env["PATH"]}` };
    expect(await run(20, (kill) => setTimeout(() => kill("SIGUSR1"), 150), env)).toBe(143);
    const [first, ...saved] = readFileSync(calls, "utf8").trim().split("\n");
    expect(first).toBe(command);
    expect(saved).toContain("last.ckpt");
    expect(existsSync(join(dir, "result.json"))).toBe(false);
    expect(await run(0, undefined, env)).toBe(0);
    expect(JSON.parse(readFileSync(join(dir, "result.json"), "utf8"))).toMatchObject({ steps: 20 });
  },
  180_000,
);

test("a scheduler that cannot requeue costs a warning, not the saved run", async () => {
  const env = { SLURM_JOB_ID: "4711", PATH: join(process.execPath, "..") };
  expect(await run(20, (kill) => setTimeout(() => kill("SIGUSR1"), 150), env)).toBe(143);
  expect(loadCheckpoint(join(dir, "checkpoints", "last.ckpt")).loops?.totalBatches).toBeGreaterThan(0);
}, 180_000);
