import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type Normalized, normalize } from "../../test/batch-norm-probe.ts";
import { distributed } from "../index.ts";
import { readEnvironment } from "./environment.ts";
import { distributedError } from "./errors.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const dir = mkdtempSync(join(tmpdir(), "c10d-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const probe = fileURLToPath(new URL("../../test/rank-probe.ts", import.meta.url));
let groups = 0;

/** Within 2e-4 of a scale of 1: float32 at values near 300. */
function near(values: readonly number[] | undefined) {
  return (values ?? [Number.NaN]).map((value) => expect.closeTo(value, 3));
}

type Said = Readonly<Record<string, unknown>>;

/** Runs both ranks to their ends. @returns what each has said; undefined for one that did not come so far */
async function ranks(
  what: string,
  initMethod: string,
  env: (rank: number) => Readonly<Record<string, string>> = () => ({}),
): Promise<readonly (Said | undefined)[]> {
  const group = groups++;
  return Promise.all(
    [0, 1].map(
      (rank) =>
        new Promise<Said | undefined>((resolve) => {
          const out = join(dir, `${group}-${rank}.json`);
          const args = [
            "--conditions=classifier-source",
            "--import",
            "tsx",
            probe,
            String(rank),
            "2",
            initMethod,
            what,
          ];
          const child = spawn(process.execPath, [...args, out], {
            stdio: ["ignore", "inherit", "inherit"],
            env: { ...process.env, ...env(rank) },
          });
          child.on("close", () => resolve(existsSync(out) ? JSON.parse(readFileSync(out, "utf8")) : undefined));
        }),
    ),
  );
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const file = () => pathToFileURL(join(dir, `store-${groups}`)).href;

describe("a group of two processes", () => {
  beforeEach(({ skip }) => skip(!distributed.isAvailable(), "this LibTorch has no c10d"));

  test("normalizes by the batches of both, forward and backward, as one process does by the whole", async () => {
    const said = await ranks("batchNorm", file());
    for (const [kind, dim, act] of [
      ["images", [3, 4, 2], false],
      ["features", [3], false],
      ["activated", [3, 4, 2], true],
    ] as const) {
      const [first, second] = said.map((of) => of?.[kind]) as [Normalized, Normalized];
      const whole = normalize(0, 8, dim, act, false);
      for (let step = 0; step < 2; step++) {
        const joined = (key: "outputs" | "inputGradients") => [first, second].flatMap((rank) => rank[key][step] ?? []);
        expect(joined("outputs")).toEqual(near(whole.outputs[step]));
        expect(joined("inputGradients")).toEqual(near(whole.inputGradients[step]));
      }
      // Each rank's own, which data-parallel training adds up.
      for (const key of ["weightGradient", "biasGradient"] as const)
        expect(first[key].map((value, i) => value + (second[key][i] as number))).toEqual(near(whole[key]));
      expect(second.running).toEqual(first.running);
      for (const [i, values] of first.running.entries()) expect(values).toEqual(near(whole.running[i]));
      expect(first.evaluated).toEqual(near(whole.evaluated));
    }
  });

  test("reduces, broadcasts and gathers, without stopping the event loop", async () => {
    const port = await freePort();
    const said = await ranks("collectives", "env://", (rank) => ({
      RANK: String(rank),
      WORLD_SIZE: "2",
      MASTER_ADDR: "127.0.0.1",
      MASTER_PORT: String(port),
    }));
    for (const [rank, of] of said.entries()) {
      expect(of?.["group"]).toEqual([rank, 2]);
      const twice = (value: readonly number[]) => [value, value];
      expect(of?.["sum"]).toEqual(twice([3, 1]));
      expect(of?.["avg"]).toEqual(twice([1.5, 0.5]));
      expect(of?.["min"]).toEqual(twice([1, 0]));
      expect(of?.["max"]).toEqual(twice([2, 1]));
      expect(of?.["broadcast"]).toEqual([
        [1.5, 1.5],
        [1.5, 1.5],
      ]);
      expect(of?.["allGather"]).toEqual([[0], [1]]);
      expect(of?.["objects"]).toMatchObject([
        { rank: 0, text: "" },
        { rank: 1, text: "x" },
      ]);
      expect(of?.["many"]).toEqual([1, 3, 5, 7, 9, 11, 13, 15]);
      expect(of?.["layout"]).toContain(`allReduce of float32 [2, 3] on rank ${rank}: expected a contiguous tensor`);
    }
    expect(said[0]?.["eventLoopRan"]).toBe(true);
  });

  test("notices at once that a rank was killed, and says what it was doing", async () => {
    const [first, second] = await ranks("lost", file());
    expect(second).toBeUndefined();
    const text = "allReduce of float32 [1] on rank 0 of 2: another rank has ended or lost its connection";
    expect(first?.["error"]).toContain(text);
    expect(first?.["again"]).toContain(text);
    expect(first?.["seconds"]).toBeLessThan(60);
  });

  test("waits for a late rank as long as the timeout says", async () => {
    const [first] = await ranks("late", `tcp://127.0.0.1:${await freePort()}`);
    expect(first?.["error"]).toContain("allReduce of float32 [1] on rank 0 of 2: another rank did not come in time");
  });
});

test("what the environment lacks is named", () => {
  expect(() => readEnvironment({ WORLD_SIZE: "2" })).toThrow("RANK is not set");
  expect(() => readEnvironment({ RANK: "x", WORLD_SIZE: "2" })).toThrow("RANK is 'x': expected an integer");
  expect(() => readEnvironment({ RANK: "2", WORLD_SIZE: "2" })).toThrow("RANK is 2, but there are only 2 processes");
  const read = readEnvironment({ RANK: "3", WORLD_SIZE: "4", LOCAL_RANK: "1", LOCAL_WORLD_SIZE: "2" });
  expect(read).toMatchObject({ rank: 3, worldSize: 4, localRank: 1, localWorldSize: 2, masterPort: 29500 });
});

test("outside of a group, and with options that contradict each other, there is a clear error", async () => {
  expect(() => distributed.getRank()).toThrow("this process is in no process group");
  if (!distributed.isAvailable()) return;
  await expect(distributed.initProcessGroup({ initMethod: "tcp://localhost:1" })).rejects.toThrow("give both");
  await expect(distributed.initProcessGroup({ initMethod: "udp://x", rank: 0, worldSize: 1 })).rejects.toThrow(
    "initMethod 'udp://x' is not understood",
  );
});

test("LibTorch's texts are explained", () => {
  const of = (text: string) => distributedError("barrier", 0, 2, new Error(text)).message;
  expect(of("Address already in use")).toContain("choose another MASTER_PORT");
  expect(of("Connection refused")).toContain("cannot be reached");
});
