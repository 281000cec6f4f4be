import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { MetricsReader, type RunRecord } from "@classifier-training/runs";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { classifier, quick, workspace } from "./cli.ts";
import { type InProcessResult, inProcess } from "./in-process.ts";

vi.setConfig({ testTimeout: 120_000 });

let dir = "";
let remove = () => {};

beforeAll(async () => {
  const place = await workspace(["1", "7"], { train: 8, valid: 4 });
  ({ remove } = place);
  dir = join(place.dir, "a b ü");
  mkdirSync(dir);
  renameSync(join(place.dir, "data"), join(dir, "data"));
});

afterAll(() => remove());

const small = [
  ...quick,
  "model.stem=small",
  "callbacks.grad_cam=null",
  "callbacks.sample_visualization=null",
  "callbacks.onnx_export=null",
];

const training = (name: string, ...overrides: string[]) => [
  ...["train", ...small, `hydra.run.dir=outputs/${name}`],
  ...overrides,
];

/** Trains in a run directory of a given name. */
function train(name: string, ...overrides: string[]): Promise<InProcessResult> {
  return inProcess(training(name, ...overrides), dir);
}

function record(name: string): RunRecord {
  return JSON.parse(readFileSync(join(dir, "outputs", name, "run.json"), "utf8")) as RunRecord;
}

const checkpoints = (folder: string) => readdirSync(join(dir, folder), { recursive: true }).sort();

test("another experiment starts anew in a folder of its own; the same one resumes there, with the whole curve", async () => {
  expect((await train("a", "trainer.max_epochs=1")).code).toBe(0);
  const before = checkpoints("checkpoints");
  const other = await train("b", "trainer.max_epochs=1", "model.learning_rate=0.01");
  expect(other.code).toBe(0);
  expect(other.stderr).toContain(
    `checkpoints holds another experiment, run ${record("a").id} (model.learning_rate was 0.0005 and is 0.01): ` +
      "this run starts anew and keeps its checkpoints in outputs/b/checkpoints; resume=true resumes that run all the same",
  );
  expect(checkpoints("checkpoints")).toEqual(before);
  expect(record("b")).not.toHaveProperty("continues");

  const again = await train("c", "trainer.max_epochs=2", "model.learning_rate=0.01", "data.num_workers=1");
  expect(again.code).toBe(0);
  expect(again.stderr).toContain(`resumes run ${record("b").id} from outputs/b/checkpoints (epoch 1, step 2)`);
  expect(record("c").continues).toMatchObject({ id: record("b").id, dir: "../b", epoch: 0, step: 2 });
  const { rows } = new MetricsReader(join(dir, "outputs/c/metrics.csv")).poll();
  const losses = rows.filter((row) => "train/loss_epoch" in row);
  expect(losses.map(({ epoch, step }) => [epoch, step])).toEqual([
    [0, 1],
    [1, 3],
  ]);
});

test("a run that trained nothing fails with its cause and leaves no model; of a complete one the summary is repeated", async () => {
  const done = await train("d", "trainer.max_epochs=2", "model.learning_rate=0.01");
  expect(done.code).toBe(0);
  expect(done.stderr).toContain("This run is complete: outputs/c; raise trainer.max_epochs, or start anew");
  expect(done.stdout).toMatch(/^val accuracy +\d.*\n[\s\S]*^run directory +outputs\/c$/m);
  expect(done.stderr).toMatch(/nothing was trained: .*last\.ckpt has completed 2 epochs, and trainer\.max_epochs is 2/);
  expect(record("d")).toMatchObject({ status: "failed" });
  const none = await train("e", "trainer.max_epochs=0", "seed=5");
  expect(none.stderr).toContain("nothing was trained: trainer.max_epochs is 0");
  expect(none.code).toBe(1);
});

test("resume=true resumes what differs and says so, resume=false starts anew, and nothing else is accepted", async () => {
  const forced = await train("f", "trainer.max_epochs=2", "data.class_weights=none", "resume=true");
  expect(forced.code, forced.stderr).toBe(0);
  expect(forced.stderr).toContain('as resume=true asks, though data.class_weights was "inverse" and is "none"');
  const anew = await train("g", "trainer.max_epochs=1", "data.class_weights=none", "resume=false");
  expect(anew.stderr).toContain(`checkpoints holds run ${record("f").id}, and resume=false: this run starts anew`);
  expect(anew.code).toBe(0);
  const wrong = await train("h", "resume=maybe");
  expect(wrong.stderr).toContain('resume: expected auto, true or false, received "maybe"');
  expect(wrong.code).toBe(1);
});

test("resume=true prefers the same experiment, where its checkpoints are, to what the shared folder holds", async () => {
  const overrides = ["trainer.max_epochs=3", "model.learning_rate=0.01", "resume=true"];
  const { code, stderr } = await train("p", ...overrides);
  expect(code, stderr).toBe(0);
  expect(stderr).toContain(`resumes run ${record("c").id} from outputs/b/checkpoints (epoch 2, step 4)`);
  expect(stderr).not.toContain("as resume=true asks");
});

test("the newest run that an error names has a model or a checkpoint", async () => {
  expect((await train("q", "data.image_size=-1")).code).toBe(1);
  expect(record("q").status).toBe("failed");
  const { stderr } = await inProcess(["validate", "a-folder-of-quite-another-name"], dir);
  expect(stderr).toContain(
    "the run does not exist\n  where: a-folder-of-quite-another-name\n  fix: the newest run is outputs/p",
  );
});

test("each job of a sweep trains, in folders of its own", async () => {
  const swept = await inProcess(
    ["train", "-m", ...small, "trainer.max_epochs=1", "model.learning_rate=1e-3,1e-2", "hydra.sweep.dir=outputs/sweep"],
    dir,
  );
  expect(swept.code, swept.stderr).toBe(0);
  for (const job of ["sweep/0", "sweep/1"]) {
    expect(record(job)).toMatchObject({ status: "success" });
    expect(checkpoints(`outputs/${job}/checkpoints`)).toContain("last.ckpt");
  }
});

test("two runs that plan the same directory get one each", async () => {
  const twins = await Promise.all(
    [1, 2].map((n) => classifier(training("twins", "trainer.max_epochs=1", `seed=${n}`), dir)),
  );
  expect(twins.map(({ code }) => code)).toEqual([0, 0]);
  for (const name of ["twins", "twins_1"]) {
    expect(record(name)).toMatchObject({ status: "success" });
    expect(checkpoints(`outputs/${name}/checkpoints`)).toContain("last.ckpt");
  }
});

test("validate measures the checkpoint of the run that is named, or says what became of it", async () => {
  const { checkpointPath = "" } = record("b");
  const own = await inProcess(["validate", "outputs/b"], dir);
  expect(own.stderr + own.stdout).toContain(`of run ${record("b").id}`);
  expect(own.code).toBe(0);
  cpSync(join(dir, "outputs/a", record("a").checkpointPath ?? ""), join(dir, "outputs/b", checkpointPath));
  const replaced = await inProcess(["validate", "outputs/b"], dir);
  expect(replaced.stderr).toContain(
    `the best checkpoint of run ${record("b").id} was overwritten by run ${record("a").id}`,
  );
  expect(replaced.code).toBe(1);
  rmSync(join(dir, "outputs/b", checkpointPath));
  const deleted = await inProcess(["predict", "outputs/b", "data/valid/7"], dir);
  expect(deleted.stderr).toContain(`the best checkpoint of run ${record("b").id} has been deleted`);
  expect(deleted.code).toBe(1);
  const typo = await inProcess(["validate", "outputs/bb"], dir);
  expect(typo.stderr).toMatch(/the run does not exist\n {2}where: outputs\/bb\n {2}fix: did you mean 'outputs\/b'\?/);
  expect(typo.code).toBe(1);
});

test("a fast_dev_run leaves nothing that another command takes for a result", async () => {
  const before = checkpoints("checkpoints");
  const tried = await train("trial", "+trainer.fast_dev_run=true", "seed=9");
  expect(tried.code, tried.stderr).toBe(0);
  expect(tried.stdout).toContain("no model and no checkpoint were saved");
  expect(checkpoints("checkpoints")).toEqual(before);
  expect(readdirSync(join(dir, "outputs/trial")).sort()).toEqual([".hydra", "run.json", "train.log"]);
  for (const args of [
    ["validate", "outputs/trial"],
    ["predict", "outputs/trial", "data/valid/7"],
    ["evaluate", "outputs/trial", "--data", "data"],
    ["export", "outputs/trial", "--data", "data"],
  ]) {
    const { code, stderr } = await inProcess(args, dir);
    expect(stderr, args[0]).toContain("this was a fast_dev_run");
    expect(code, args[0]).toBe(1);
  }
});

test("a project that is moved resumes with its own files", async () => {
  const moved = `${dir} moved`;
  renameSync(dir, moved);
  dir = moved;
  const { code, stderr } = await train("z", "trainer.max_epochs=3", "data.class_weights=none");
  expect(stderr).toContain(`resumes run ${record("f").id} from checkpoints`);
  expect(stderr).not.toContain("The dirpath has changed");
  expect(code).toBe(0);
  expect(existsSync(join(dir, "outputs/z", record("z").checkpointPath ?? "none"))).toBe(true);
});
