import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import {
  claimRunDirectory,
  epochFolder,
  listImages,
  listRuns,
  MetricsReader,
  MetricsWriter,
  RunWriter,
  readRun,
  runPaths,
} from "@classifier-training/runs";
import fc from "fast-check";
import { expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 30_000 });

function folder(): string {
  return mkdtempSync(join(tmpdir(), "runs-"));
}

test("what was appended is read back, whatever the names and numbers", () => {
  const name = fc.oneof(
    fc.constantFrom("step", "loss", "val/acc", 'odd "name", with comma'),
    fc.string({ minLength: 1, maxLength: 8, unit: "grapheme-ascii" }),
  );
  const number = fc.double().filter((v) => !Object.is(v, -0));
  fc.assert(
    fc.property(
      fc.array(fc.dictionary(name, number, { minKeys: 1, noNullPrototype: true }), { minLength: 1, maxLength: 10 }),
      (rows) => {
        const path = join(folder(), "metrics.csv");
        const writer = new MetricsWriter(path);
        const reader = new MetricsReader(path);
        const seen: unknown[] = [];
        for (const row of rows) {
          writer.append(row);
          const update = reader.poll();
          if (update.reset) seen.length = 0;
          seen.push(...update.rows);
        }
        writer.close();
        expect(seen).toEqual(rows);
        expect(new MetricsReader(path).poll().rows).toEqual(rows);
        expect(new MetricsWriter(path).rows).toBe(rows.length);
      },
    ),
    { numRuns: 60 },
  );
});

test("a reader sees a wider header, a rewind and a new file as a reset", () => {
  const path = join(folder(), "metrics.csv");
  const reader = new MetricsReader(path);
  expect(reader.poll()).toEqual({ columns: [], rows: [], reset: false });
  const writer = new MetricsWriter(path);
  writer.append({ step: 0, loss: 1 });
  expect(reader.poll()).toMatchObject({ rows: [{ step: 0, loss: 1 }], reset: false });
  writer.append({ step: 1, loss: 0.5 });
  expect(reader.poll()).toMatchObject({ rows: [{ step: 1, loss: 0.5 }], reset: false });
  expect(reader.poll()).toMatchObject({ rows: [], reset: false });
  writer.append({ step: 2, "val/acc": 0.9 });
  expect(reader.poll()).toMatchObject({
    columns: ["loss", "step", "val/acc"],
    reset: true,
    rows: [{}, {}, { step: 2 }],
  });
  writer.rewind(1);
  writer.append({ step: 1, loss: 0.25 });
  expect(reader.poll()).toMatchObject({ reset: true, rows: [{ step: 0 }, { step: 1, loss: 0.25 }] });
  expect(() => writer.rewind(9)).toThrow("cannot go back to row 9: the file has 2");
});

test("a truncated last line is not read, and the next writer removes it", () => {
  const path = join(folder(), "metrics.csv");
  const writer = new MetricsWriter(path);
  writer.append({ step: 0, loss: 1 });
  writer.close();
  appendFileSync(path, "0.5,");
  expect(new MetricsReader(path).poll().rows).toHaveLength(1);
  const next = new MetricsWriter(path);
  next.append({ step: 1, loss: 0.25 });
  next.close();
  expect(readFileSync(path, "utf8")).toBe("loss,step\n1,0\n0.25,1\n");
});

test("a file written with Windows line ends is read and continued", () => {
  const path = join(folder(), "metrics.csv");
  writeFileSync(path, "loss,step\r\n1,0\r\n");
  new MetricsWriter(path).append({ step: 1, loss: 2 });
  expect(new MetricsReader(path).poll().rows).toEqual([
    { loss: 1, step: 0 },
    { loss: 2, step: 1 },
  ]);
});

test("a writer killed with SIGKILL leaves complete rows", async () => {
  const path = join(folder(), "metrics.csv");
  const script = join(folder(), "write.mts");
  const entry = new URL("../src/index.ts", import.meta.url).href;
  writeFileSync(
    script,
    `const { MetricsWriter } = await import(${JSON.stringify(entry)});
     const writer = new MetricsWriter(${JSON.stringify(path)});
     for (let step = 0; ; step++) { writer.append({ step, double: 2 * step, ["new" + (step % 7)]: 1 }); if (step === 500) process.stdout.write("go\\n"); }`,
  );
  const child = spawn(
    process.execPath,
    ["--conditions=classifier-source", "--import", import.meta.resolve("tsx"), script],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const exited = new Promise((resolve) => child.once("exit", resolve));
  await Promise.race([exited, new Promise((resolve) => child.stdout.once("data", resolve))]);
  child.kill("SIGKILL");
  await exited;
  const { rows } = new MetricsReader(path).poll();
  expect(rows.length).toBeGreaterThanOrEqual(500);
  expect(rows.every((row, i) => row["step"] === i && row["double"] === 2 * i)).toBe(true);
});

test("a run's record: started, updated, finished; resumed with the same id", () => {
  const dir = join(folder(), "2026-01-02", "10-11-12");
  const writer = RunWriter.open(dir, { kind: "train", monitor: { name: "val/acc", mode: "max" } });
  expect(readRun(dir)).toMatchObject({
    status: "running",
    record: {
      name: "2026-01-02/10-11-12",
      id: expect.stringMatching(/^2026-01-02-10-11-12-[0-9a-f]{8}$/),
      host: hostname(),
    },
  });
  writer.update({ best: { value: 0.9, epoch: 3 } });
  writer.finish("failed", "disk full");
  expect(readRun(dir)).toMatchObject({ status: "failed", record: { error: "disk full", best: { value: 0.9 } } });
  const { startedAt, id } = writer.record;
  const resumed = RunWriter.open(dir);
  expect(resumed.record).toMatchObject({ startedAt, id, status: "running", best: { value: 0.9 } });
  expect(resumed.record.error).toBeUndefined();
  expect(() => writer.update({ pid: 0.5 })).toThrowErrorMatchingInlineSnapshot(`
    [CtError: pid: expected integer, received 0.5
      where: run.json]
  `);
});

test("a run whose process is gone is lost; a foreign directory with metrics is a run too", () => {
  const root = folder();
  const dead = spawnSync(process.execPath, ["-e", ""]).pid;
  RunWriter.open(join(root, "a"), { pid: dead, startedAt: "2026-01-01T00:00:00.000Z" });
  RunWriter.open(join(root, "deep", "b"), { startedAt: "2026-01-02T00:00:00.000Z" });
  mkdirSync(join(root, "c"));
  writeFileSync(join(root, "c", "metrics.csv"), "loss,step\n1,0\n");
  mkdirSync(join(root, "empty"));
  const runs = listRuns(root);
  expect(runs.map(({ dir, status }) => [dir.slice(root.length + 1), status])).toEqual([
    ["c", "lost"],
    ["deep/b", "running"],
    ["a", "lost"],
  ]);
});

test("a record from a later version keeps its unknown keys; a broken one does not hide the run", () => {
  const dir = folder();
  RunWriter.open(dir).update({ novelty: [1, 2] } as never);
  expect(readRun(dir)?.record).toMatchObject({ novelty: [1, 2] });
  writeFileSync(join(dir, "run.json"), '{"id": ');
  expect(readRun(dir)).toMatchObject({ status: "lost" });
  expect(existsSync(join(dir, "run.json"))).toBe(true);
});

test("images are listed in natural order, without the copies in logger folders", () => {
  const dir = folder();
  for (const path of [
    join(epochFolder(10), "confusion.png"),
    join(epochFolder(2), "confusion.png"),
    "wandb/media/x.png",
    "note.txt",
  ]) {
    mkdirSync(join(dir, path, ".."), { recursive: true });
    writeFileSync(join(dir, path), "");
  }
  expect(listImages(dir)).toEqual(["epoch_002/confusion.png", "epoch_010/confusion.png"]);
});

test("runs that plan the same directory get one each; one that has ended may be taken up", () => {
  const planned = join(folder(), "12-00-00");
  const never = () => false;
  expect(claimRunDirectory(planned, never)).toBe(planned);
  expect(
    claimRunDirectory(planned, () => true),
    "it runs",
  ).toBe(`${planned}_1`);
  expect(claimRunDirectory(planned, never)).toBe(`${planned}_2`);
  RunWriter.open(planned).finish("failed");
  expect(claimRunDirectory(planned, never)).toBe(`${planned}_3`);
  expect(claimRunDirectory(planned, (dir) => dir === planned)).toBe(planned);
});

/** What an expression of `runs` and `planned` gives in four processes that evaluate it together, and stay until all have. */
async function together(planned: string, expression: string): Promise<string[]> {
  const program = `import { once } from "node:events";
    import * as runs from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)};
    const planned = process.argv[1];
    process.stdout.write("ready");
    await once(process.stdin, "data");
    process.stdout.write(${expression});
    await once(process.stdin, "end");`;
  const args = ["--conditions=classifier-source", "--import", "tsx", "--input-type=module", "-e", program, planned];
  const children = [1, 2, 3, 4].map(() => spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] }));
  const next = () => Promise.all(children.map(async ({ stdout }) => String((await once(stdout, "data"))[0])));
  expect(await next()).toEqual(Array(4).fill("ready"));
  const answers = next();
  for (const { stdin } of children) stdin.write("go");
  const claimed = await answers;
  await Promise.all(children.map((child) => [once(child, "close"), child.stdin.end()][0]));
  return claimed.sort();
}

test.each([
  ["a new directory", "runs.claimRunDirectory(planned, () => false)", () => {}],
  ["one of an ended run", "runs.claimRunDirectory(planned, (dir) => dir === planned)", endedRun],
  ["one of a sweep", "runs.claimSweepDirectory(planned)", () => {}],
] as const)("of processes that claim %s at the same moment, one gets it", async (_what, expression, prepare) => {
  const planned = join(folder(), "same");
  prepare(planned);
  const names = [planned, `${planned}_1`, `${planned}_2`, `${planned}_3`];
  expect(await together(planned, expression)).toEqual(names);
  expect(readdirSync(planned).filter((name) => name !== runPaths.record)).toEqual([]);
});

function endedRun(dir: string): void {
  RunWriter.open(dir).finish("interrupted");
}

test("a directory that was claimed to resume its run keeps the run's status until then; a claim of a dead process ends", () => {
  const dir = join(folder(), "run");
  endedRun(dir);
  const claim = () => claimRunDirectory(dir, (ended) => ended === dir);
  expect(claim()).toBe(dir);
  expect(readRun(dir)?.status).toBe("interrupted");
  expect(claim()).toBe(`${dir}_1`);
  const path = join(dir, runPaths.record);
  const record = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ ...record, claim: { ...record.claim, pid: 2 ** 22 + 1 } }));
  expect(claim()).toBe(dir);
  expect(RunWriter.open(dir).statusBefore).toBe("interrupted");
  expect(readRun(dir)?.record).not.toHaveProperty("claim");
});

test("a record shows the command without its secrets", () => {
  const before = process.argv;
  process.argv = ["node", "classifier", "train", "wandb.api_key=abc123", "uri=https://u:pw@host", "lr=1"];
  try {
    const { record } = RunWriter.open(folder());
    expect(record.command).toEqual(["classifier", "train", "wandb.api_key='***'", "uri=https://u:***@host", "lr=1"]);
  } finally {
    process.argv = before;
  }
});
