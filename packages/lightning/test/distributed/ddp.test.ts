import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { distributed } from "@classifier-training/torch";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { isAlive, newFolder, resultOf, run, start } from "./harness.ts";
import type { ProgramOptions } from "./program.ts";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  folders.push(newFolder());
  return folders.at(-1) as string;
}

const ddp = { devices: 2, strategy: "ddp", maxEpochs: 2 } as const;
const single = { devices: 1, maxEpochs: 2 } as const;

function port(): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address() as { port: number };
      server.close(() => resolve(String(address.port)));
    });
  });
}

/** What SLURM sets for the two tasks of a job on this machine. */
function tasks(masterPort: string): Record<string, string>[] {
  const job = {
    SLURM_JOB_ID: "4711",
    SLURM_JOB_NAME: "train",
    SLURM_NTASKS: "2",
    SLURM_NTASKS_PER_NODE: "2",
    SLURM_NNODES: "1",
    SLURM_NODELIST: "localhost",
    SLURM_NODEID: "0",
    MASTER_PORT: masterPort,
  };
  return ["0", "1"].map((id) => ({ ...job, SLURM_PROCID: id, SLURM_LOCALID: id }));
}

function pids(dir: string, rank: number): number[] {
  return readFileSync(join(dir, `steps-${rank}.txt`), "utf8")
    .split("\n")
    .filter(Boolean)
    .map(Number);
}

beforeEach(({ skip }) => skip(!distributed.isAvailable(), "this LibTorch has no c10d"));

describe("two processes", () => {
  test("train as one with twice the batch, keep equal weights, and evaluate every sample once", async () => {
    const [two, one] = [folder(), folder()];
    await run(two, { trainer: ddp, batchSize: 2 });
    await run(one, { trainer: single, batchSize: 4, valBatchSize: 2 });
    const [first, second, alone] = [resultOf(two, 0), resultOf(two, 1), resultOf(one)];
    expect([first.worldSize, second.rank, first.steps]).toEqual([2, 1, 8]);
    expect(second.weights).toBe(first.weights);
    for (const [i, value] of first.first.entries()) expect(value).toBeCloseTo(alone.first[i] as number, 5);
    expect(first.metrics["count"]).toBe(7);
    expect(first.metrics["val_acc"]).toBe(alone.metrics["val_acc"]);
    expect(first.metrics["train_acc"]).toBe(alone.metrics["train_acc"]);
    expect(first.metrics["val_loss"]).toBeCloseTo(alone.metrics["val_loss"] as number, 5);
    expect(first.metrics["loss_epoch"]).toBeCloseTo(alone.metrics["loss_epoch"] as number, 5);
    expect(second.metrics).toEqual(first.metrics);
    // One process has written: the rows are those of a single run.
    const rows = (dir: string) => readFileSync(join(dir, "metrics.csv"), "utf8").split("\n").length;
    expect(rows(two)).toBe(rows(one));
  });

  test("have equal weights with batch norm, EMA, gradients of several batches, and a rank without validation data", async () => {
    const dir = folder();
    const trainer = { ...ddp, accumulateGradBatches: 2, gradientClipVal: 1 };
    await run(dir, { trainer, batchSize: 2, batchNorm: true, ema: true, valSamples: 2, valBatchSize: 8 });
    const [first, second] = [resultOf(dir, 0), resultOf(dir, 1)];
    expect(second.weights).toBe(first.weights);
    expect(first.steps).toBe(4);
    expect([first.metrics["count"], second.seen]).toEqual([2, 0]);
    expect(second.metrics).toEqual(first.metrics);
  });

  test("with syncBatchnorm normalize as one with twice the batch, and keep equal statistics", async () => {
    const [two, one, apart] = [folder(), folder(), folder()];
    await run(two, { trainer: { ...ddp, syncBatchnorm: true }, batchSize: 2, batchNorm: true });
    await run(one, { trainer: { ...single, syncBatchnorm: true }, batchSize: 4, valBatchSize: 2, batchNorm: true });
    const [first, second, alone] = [resultOf(two, 0), resultOf(two, 1), resultOf(one)];
    expect(second.weights).toBe(first.weights);
    const near = (values: readonly number[]) => values.map((value) => expect.closeTo(value, 4));
    expect(first.first).toEqual(near(alone.first));
    // Not the means: AdamW makes steps of the rounding errors that are the gradient of a bias before a batch norm.
    expect(first.running[1]).toEqual(near(alone.running[1] ?? []));
    await run(apart, { trainer: ddp, batchSize: 2, batchNorm: true });
    expect(resultOf(apart).running[1]).not.toEqual(near(first.running[1] ?? []));
  });

  test("average weights over epochs as one does, with equal statistics of batch norms at the end", async () => {
    const [two, one] = [folder(), folder()];
    const swa = { batchNorm: true, swa: true };
    await run(two, { trainer: { ...ddp, syncBatchnorm: true }, batchSize: 2, ...swa });
    await run(one, { trainer: single, batchSize: 4, valBatchSize: 2, ...swa });
    const [first, second, alone] = [resultOf(two, 0), resultOf(two, 1), resultOf(one)];
    expect(second.weights).toBe(first.weights);
    for (const [i, value] of first.first.entries()) expect(value).toBeCloseTo(alone.first[i] as number, 4);
    for (const [i, value] of (first.running[1] ?? []).entries())
      expect(value).toBeCloseTo(alone.running[1]?.[i] as number, 4);
  });

  test("stop early together", async () => {
    const dir = folder();
    await run(dir, { trainer: { ...ddp, maxEpochs: 50 }, batchSize: 4, stopAt: 0 });
    const [first, second] = [resultOf(dir, 0), resultOf(dir, 1)];
    expect([second.epoch, second.steps]).toEqual([first.epoch, first.steps]);
    expect(first.epoch).toBeLessThan(50);
  });

  test("can be started from outside, as two machines are", async () => {
    const dir = folder();
    const common = { MASTER_ADDR: "127.0.0.1", MASTER_PORT: await port() };
    const options = { trainer: { ...ddp, devices: 1, numNodes: 2 }, batchSize: 2 };
    await Promise.all(["0", "1"].map((NODE_RANK) => run(dir, options, { ...common, NODE_RANK })));
    expect(resultOf(dir, 1).weights).toBe(resultOf(dir, 0).weights);
    const torchrun = folder();
    const each = { MASTER_ADDR: "127.0.0.1", MASTER_PORT: await port(), WORLD_SIZE: "2", LOCAL_WORLD_SIZE: "2" };
    const automatic = { trainer: { devices: "auto", strategy: "auto", maxEpochs: 2 }, batchSize: 2 };
    await Promise.all(["0", "1"].map((RANK) => run(torchrun, automatic, { ...each, RANK, LOCAL_RANK: RANK })));
    expect(resultOf(torchrun, 0).worldSize).toBe(2);
    expect(resultOf(torchrun, 1).weights).toBe(resultOf(dir, 0).weights);
  });

  test("can be the tasks of a SLURM job", async () => {
    const dir = folder();
    const automatic = { trainer: { devices: "auto", strategy: "auto", maxEpochs: 2 }, batchSize: 2 };
    await Promise.all(tasks(await port()).map((env) => run(dir, automatic, env)));
    expect(resultOf(dir, 0).worldSize).toBe(2);
    expect(resultOf(dir, 1).weights).toBe(resultOf(dir, 0).weights);
  });

  test("of a SLURM job that is preempted save, and the first of them hands the job back to the queue", async () => {
    const dir = folder();
    const calls = join(dir, "calls.txt");
    const script = `#!/bin/sh\necho "$@" >> '${calls}'\nls '${join(dir, "checkpoints")}' >> '${calls}'\n`;
    writeFileSync(join(dir, "scontrol"), script, { mode: 0o755 });
    const options = { trainer: { ...ddp, maxEpochs: 100_000 }, batchSize: 2, stepMs: 20 };
    const PATH = `${dir}:${process.env["PATH"]}`;
    const started = tasks(await port()).map((env) => start(dir, options, { ...env, PATH }));
    await waitFor(() => pids(dir, 1).length > 3);
    // Only one of them gets the signal.
    started[1]?.child.kill("SIGUSR1");
    expect((await Promise.all(started.map(({ ended }) => ended))).map(({ code }) => code)).toEqual([143, 143]);
    const [first, ...saved] = readFileSync(calls, "utf8").trim().split("\n");
    expect(first).toBe("requeue 4711");
    expect(saved).toContain("last.ckpt");
    expect(saved.filter((line) => line.startsWith("requeue"))).toEqual([]);
  });

  test("that disagree with the environment say so", async () => {
    const env = { WORLD_SIZE: "3", RANK: "0", LOCAL_RANK: "0", MASTER_ADDR: "127.0.0.1", MASTER_PORT: "1" };
    await expect(run(folder(), { trainer: ddp, batchSize: 2 }, env)).rejects.toThrow(
      "the environment has 3 processes (WORLD_SIZE), but devices x numNodes is 2 x 1 = 2",
    );
  });
});

describe("when something goes wrong", () => {
  test.each([
    ["the launched rank is killed", { killAt: "1:3" }, 137, "rank 1 (process"],
    ["the launched rank throws", { throwAt: "1:3" }, 1, "this rank broke"],
    ["the first rank throws", { throwAt: "0:3" }, 1, "this rank broke"],
  ] as const)("%s: all end soon, with its error", async (_name, fault, code, text) => {
    const dir = folder();
    const { ended } = start(dir, { trainer: { ...ddp, maxEpochs: 100_000 }, batchSize: 2, ...fault } as ProgramOptions);
    const result = await ended;
    expect(result.stderr).toContain(text);
    expect(result.code).toBe(code);
    expect([...pids(dir, 0), ...pids(dir, 1)].filter(isAlive)).toEqual([]);
  });

  test("the loss of one rank is NaN: all end with its error", async () => {
    const dir = folder();
    const options = { trainer: { ...ddp, maxEpochs: 100_000 }, batchSize: 2, nanAt: "1:3" };
    const { stderr, code } = await start(dir, options).ended;
    expect(stderr.match(/Error: training has diverged/g)).toHaveLength(1);
    expect(stderr).toContain("the loss is NaN at step 2");
    expect(stderr).toMatch(/rank 1 \(process \d+\) ended with exit code 1/);
    expect(code).toBe(1);
    expect([...pids(dir, 0), ...pids(dir, 1)].filter(isAlive)).toEqual([]);
  });

  test("the first rank is killed: the other one ends too", async () => {
    const dir = folder();
    const { ended } = start(dir, { trainer: { ...ddp, maxEpochs: 100_000 }, batchSize: 2, killAt: "0:3" });
    const { signal } = await ended;
    expect(signal).toBe("SIGKILL");
    expect(pids(dir, 1).filter(isAlive)).toEqual([]);
  });

  test.each([
    ["another model", { batchNorm: true }, 'weights.net.1.weight is not set on rank 0 and "float32 [16]" on rank 1'],
    ["other data", { samples: 40 }, "batches of trainDataloader is [8] on rank 0 and [20] on rank 1"],
    ["another length", { trainer: { ...ddp, maxEpochs: 9 } }, "trainer.maxEpochs is 2 on rank 0 and 9 on rank 1"],
  ] as const)("ranks with %s say so instead of hanging, each of them", async (_name, rankOne, text) => {
    const env = { WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: await port() };
    const started = ["0", "1"].map((rank) =>
      start(folder(), { trainer: ddp, batchSize: 2, rankOne }, { ...env, RANK: rank, LOCAL_RANK: rank }),
    );
    for (const { code, stderr } of await Promise.all(started.map(({ ended }) => ended))) {
      expect(stderr).toContain("the ranks are about to train different things");
      expect(stderr).toContain(text);
      expect(code).toBe(1);
    }
  });

  test("a rank that does not come is named while the others wait, and when they give up", async () => {
    const env = { WORLD_SIZE: "2", RANK: "0", LOCAL_RANK: "0", MASTER_ADDR: "127.0.0.1", MASTER_PORT: await port() };
    const options = { trainer: ddp, batchSize: 2, timeoutS: 4, heartbeatS: 1 };
    const { stderr, code } = await start(folder(), options, env).ended;
    expect(stderr).toMatch(/rank 0 has waited \d s at 127.0.0.1:\d+ for rank 1 of 2; it gives up after 4 s/);
    expect(stderr).toContain("rank 1 did not join");
    expect(code).toBe(1);
  });

  test("a rank that hangs is named while the others wait, and as late after the timeout", async () => {
    const dir = folder();
    const options = { trainer: ddp, batchSize: 2, hangAt: "1:3", timeoutS: 8, heartbeatS: 1 };
    const { stderr, code } = await start(dir, options).ended;
    expect(stderr).toMatch(/rank 0 has waited \d s in \w+ of .* for rank 1 \(its last operation: /);
    expect(stderr).toContain("another rank did not come in time");
    expect(code).not.toBe(0);
    expect(pids(dir, 1).filter(isAlive)).toEqual([]);
  });
});

describe("a run of two processes", () => {
  test("that is interrupted saves, and resumes with the same bits; so does one that was killed", async () => {
    const common = { batchSize: 2, batchNorm: true, dropout: true, ema: true, samples: 40 };
    const trainer = { ...ddp, maxEpochs: 4, everyNTrainSteps: 3, accumulateGradBatches: 2 };
    const whole = folder();
    await run(whole, { trainer, ...common });
    for (const [signal, expected] of [
      ["SIGTERM", 143],
      ["SIGHUP", 129],
      ["SIGKILL", "SIGKILL"],
    ] as const) {
      const dir = folder();
      const { child, ended } = start(dir, { trainer, ...common, stepMs: 60 });
      await waitFor(() => pids(dir, 0).length > 22);
      child.kill(signal);
      const end = await ended;
      expect(end.code ?? end.signal).toBe(expected);
      expect(pids(dir, 1).filter(isAlive)).toEqual([]);
      await run(dir, { trainer, ...common, resume: true });
      expect(resultOf(dir, 0).weights).toBe(resultOf(whole, 0).weights);
      expect(resultOf(dir, 1).weights).toBe(resultOf(whole, 0).weights);
      expect(resultOf(dir, 0).metrics).toEqual(resultOf(whole, 0).metrics);
      expect(pids(dir, 0).length).toBeLessThan(40 + 40);
    }
  });
});

describe("checkpoints by time", () => {
  test("are written by all ranks at the same steps, when one of them finds that it is time", async () => {
    const dir = folder();
    const trainer = { ...ddp, maxEpochs: 1 };
    // At every step by the clock of rank 0, never by that of rank 1.
    await run(dir, { trainer, batchSize: 2, samples: 24, saveEvery: 1e-9, rankOne: { saveEvery: 0 } });
    const [first, second] = [0, 1].map((rank) => readFileSync(join(dir, `saves-${rank}.txt`), "utf8"));
    expect(second).toBe(first);
    expect(first?.split("\n").slice(0, 5).map(Number)).toEqual([1, 2, 3, 4, 5]);
  });
});

async function waitFor(ready: () => boolean): Promise<void> {
  for (;;) {
    try {
      if (ready()) return;
    } catch {
      // Not written yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
