import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunRecord } from "@classifier-training/runs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type CliResult, classifier, quick, start, workspace } from "./cli.ts";

vi.setConfig({ testTimeout: 120_000 });

let dir = "";
let remove = () => {};

beforeAll(async () => {
  ({ dir, remove } = await workspace(["1", "7"], { train: 8, valid: 4 }));
  writeFileSync(join(dir, "stops.mjs"), stops);
});

afterAll(() => remove());

const small = [...quick, "model.stem=small", "callbacks.grad_cam=null", "callbacks.sample_visualization=null"];

/** A callback of the project's own: kills the process when training is over or after its first epoch, or holds it, when asked to. */
const stops = `
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Callback } from ${JSON.stringify(new URL("../../lightning/dist/index.js", import.meta.url).href)};
export class Stops extends Callback {
  async onTrainStart() {
    while (process.env.HOLD !== undefined && !existsSync(process.env.HOLD)) await sleep(20);
  }
  async onTrainEpochStart(trainer) {
    if (process.env.KILL === "second epoch" && trainer.currentEpoch === 1) await this.kill(trainer);
  }
  async onTrainEnd(trainer) {
    if (process.env.KILL === "end") await this.kill(trainer);
  }
  async kill(trainer) {
    await trainer.flushCheckpoints();
    process.kill(process.pid, "SIGKILL");
  }
}`;
const withStops = [...small, "+callbacks.stops._target_='./stops.mjs#Stops'"];

async function killed(when: "second epoch" | "end", args: readonly string[], cwd = dir): Promise<void> {
  process.env["KILL"] = when;
  try {
    expect((await classifier(args, cwd)).signal).toBe("SIGKILL");
  } finally {
    delete process.env["KILL"];
  }
}

function record(run: string): RunRecord {
  return JSON.parse(readFileSync(join(dir, run, "run.json"), "utf8")) as RunRecord;
}

let releases = 0;

/** Runs the first command, held in its training, and the second from its start to its end meanwhile. */
async function beside(
  first: readonly string[],
  second: readonly string[],
  hasBegun: (pid: number | undefined) => boolean,
): Promise<CliResult[]> {
  const release = join(dir, `release-${releases++}`);
  process.env["HOLD"] = release;
  const held = start(first, dir);
  delete process.env["HOLD"];
  while (held.process.exitCode === null && !hasBegun(held.process.pid)) await sleep(20);
  const other = await start(second, dir).done;
  writeFileSync(release, "");
  return [await held.done, other];
}

test("two sweeps that plan the same directory have one each, with their own configuration and jobs", async () => {
  const common = [...withStops, "callbacks.onnx_export=null", "trainer.max_epochs=1", "hydra.sweep.dir=outputs/sweep"];
  const sweep = (seeds: string) => ["train", "-m", ...common, `seed=${seeds}`];
  const sweeps = await beside(sweep("1,2"), sweep("3,4"), () => existsSync(join(dir, "outputs/sweep/.sweep.json")));
  expect(sweeps.map(({ code, stderr }) => (code === 0 ? "" : stderr))).toEqual(["", ""]);
  const seeds = ["outputs/sweep", "outputs/sweep_1"].map((sweep) => {
    const [swept = ""] = /seed=\d,\d/.exec(readFileSync(join(dir, sweep, "multirun.yaml"), "utf8")) ?? [];
    const ran = [0, 1].map((job) => readFileSync(join(dir, sweep, String(job), ".hydra/overrides.yaml"), "utf8"));
    expect(ran.map((text) => /seed=(\d)/.exec(text)?.[1]).join()).toBe(swept.slice("seed=".length));
    expect(readdirSync(join(dir, sweep)).sort()).toEqual(["0", "1", "multirun.yaml"]);
    return swept;
  });
  expect(seeds.sort()).toEqual(["seed=1,2", "seed=3,4"]);
  expect(sweeps.map(({ stdout }) => stdout).join("")).toContain(
    "outputs/sweep is in use by another sweep: this one has outputs/sweep_1",
  );
  const again = await classifier(["train", "-m", ...common, "seed=1,2"], dir);
  expect(again.code, again.stderr).toBe(0);
  expect(existsSync(join(dir, "outputs/sweep_2")), "a sweep that has ended is run again in its directory").toBe(false);
});

test("of two processes that restart a killed run, one resumes it and the other says that it starts its own", async () => {
  const args = ["train", ...withStops, "callbacks.onnx_export=null", "trainer.max_epochs=2", "seed=5"];
  const fixed = [...args, "hydra.run.dir=outputs/fixed", "callbacks.model_checkpoint.dirpath=shared"];
  await killed("second epoch", fixed);
  const { id } = record("outputs/fixed");
  const restarts = await beside(fixed, fixed, (pid) => record("outputs/fixed").pid === pid);
  expect(restarts.map(({ code, stderr }) => (code === 0 ? "" : stderr))).toEqual(["", ""]);
  expect(record("outputs/fixed")).toMatchObject({ id, status: "success", continues: { id, epoch: 0 } });
  expect(record("outputs/fixed_1")).toMatchObject({ status: "success" });
  expect(record("outputs/fixed_1")).not.toHaveProperty("continues");
  const text = restarts.map(({ stdout, stderr }) => stdout + stderr).join("");
  expect(text).toMatch(
    new RegExp(`outputs/fixed is in use by run ${id} \\(process \\d+\\): this run has outputs/fixed_1`),
  );
  expect(text).toMatch(
    new RegExp(`shared is in use by run ${id} \\(process \\d+\\): this run starts anew and keeps its checkpoints in`),
  );
  const { checkpointPath = "" } = record("outputs/fixed_1");
  expect(checkpointPath).toMatch(/^checkpoints\//);
});

test.each([
  ["in directories of their own", []],
  ["in one directory", ["hydra.run.dir=outputs/run"]],
] as const)(
  "a run that is killed between its last step and its export is finished once, and complete from then on, %s",
  async (_where, place) => {
    const cwd = join(dir, `killed at the end ${_where}`);
    mkdirSync(cwd);
    const args = [
      "train",
      ...withStops,
      `data.data_root=${join(dir, "data")}`,
      "++callbacks.stops._target_='../stops.mjs#Stops'",
      "trainer.max_epochs=1",
      "model.learning_rate=2e-3",
      ...place,
    ];
    const models = () =>
      readdirSync(cwd, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith("model.onnx"));
    await killed("end", args, cwd);
    expect(models()).toEqual([]);
    const finished = await classifier(args, cwd);
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.stdout).toContain("exported model");
    const [model = "", ...others] = models();
    expect(others).toEqual([]);
    for (let start = 0; start < 2; start++) {
      const again = await classifier(args, cwd);
      expect(again.code, again.stderr).toBe(0);
      expect(again.stdout).toBe(finished.stdout);
      expect(again.stderr).toMatch(
        /nothing was trained: .*last\.ckpt has completed 1 epoch, and trainer\.max_epochs is 1/,
      );
      expect(again.stderr).toContain(`This run is complete: ${join(model, "..")}`);
      expect(models()).toEqual([model]);
    }
  },
);
