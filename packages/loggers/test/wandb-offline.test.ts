import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setLogSinks } from "@classifier-training/base";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { parse as parseYaml } from "yaml";
import { netrcPassword, wandbSettings } from "../src/wandb/settings.ts";
import { TransactionLogReader, TransactionLogWriter } from "../src/wandb/transaction-log.ts";
import { WandbLogger } from "../src/wandb-logger.ts";
import { historyRows, kindOf, message, messages, readWandbLog, text } from "./wandb-log-reader.ts";

vi.setConfig({ testTimeout: 30_000 });

let restore: () => void;
beforeAll(() => {
  restore = setLogSinks([]);
});
afterAll(() => restore());

const png = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

function folder(): string {
  return mkdtempSync(join(tmpdir(), "wandb-"));
}

async function offlineRun(saveDir: string, use: (logger: WandbLogger) => void, options = {}): Promise<string> {
  const logger = new WandbLogger({ saveDir, offline: true, project: "jerseys", systemMetricsInterval: 0, ...options });
  use(logger);
  await logger.finalize("success");
  await logger.close();
  return logger.logDir as string;
}

function logOf(dir: string): string {
  return join(dir, readdirSync(dir).find((name) => name.endsWith(".wandb")) as string);
}

test("an offline run has the official client's files and records, in the order that its sync wants", async () => {
  const root = folder();
  const dir = await offlineRun(
    root,
    (logger) => {
      logger.logHyperparams({ model: { name: "resnet18" } });
      logger.logMetrics({ "train/loss": 0.5, odd: Number.NaN }, 0);
      logger.logMetrics({ "train/loss": 0.25 }, 1);
      logger.logImage("val/confusion", [{ png, caption: "epoch 0" }], 1);
      logger.logImage("val/samples", [{ png }, { png, caption: "b" }], 1);
      logger.logTable("table", { columns: ["a", "b"], data: [[1, "x"]] }, 1);
    },
    { name: "first", tags: ["a", "b"], notes: "n", group: "g", jobType: "train", id: "abcd1234", config: { lr: 0.1 } },
  );
  expect(dir).toMatch(/wandb\/offline-run-\d{8}_\d{6}-abcd1234$/);
  expect(readlinkSync(join(root, "wandb", "latest-run"))).toBe(dir.split("/").at(-1));
  for (const file of [
    "files/config.yaml",
    "files/wandb-summary.json",
    "files/wandb-metadata.json",
    "files/output.log",
    "files/requirements.txt",
    "logs/debug.log",
    "logs/debug-internal.log",
    "run-abcd1234.wandb",
  ]) {
    expect(existsSync(join(dir, file)), file).toBe(true);
  }
  const { records, end } = readWandbLog(logOf(dir));
  expect(end).toBe("complete");
  expect(records.map((record) => Number(record.get(1)?.[0]))).toEqual(records.map((_, i) => i + 1));
  const kinds = records.map(kindOf);
  expect(kinds.slice(0, 2)).toEqual(["header", "run"]);
  expect(kinds.slice(-3)).toEqual(["exit", "final", "footer"]);
  expect(text(message(message(records[0] as never, 21), 1), 2)).toBe("0.70.0");

  const run = message(records[1] as never, 17);
  expect([1, 3, 6, 7, 8, 9].map((number) => text(run, number))).toEqual([
    "abcd1234",
    "jerseys",
    "g",
    "train",
    "first",
    "n",
  ]);
  expect(run.get(10)?.map(String)).toEqual(["a", "b"]);
  expect(messages(message(run, 4), 1).map((item) => [text(item, 2), text(item, 16)])).toEqual([["lr", "0.1"]]);

  const rows = historyRows(records);
  expect(rows.map((row) => row["_step"])).toEqual([0, 1, 2, 3, 4]);
  expect(rows[0]).toMatchObject({ "train/loss": 0.5, odd: Number.NaN, "trainer/global_step": 0 });
  expect(rows[0]).toHaveProperty("_runtime");
  expect(Math.abs((rows[0]?.["_timestamp"] as number) - Date.now() / 1000)).toBeLessThan(60);
  expect(rows[2]?.["val/confusion"]).toMatchObject({
    _type: "image-file",
    format: "png",
    width: 1,
    height: 1,
    caption: "epoch 0",
    size: png.length,
  });
  expect(rows[3]?.["val/samples"]).toMatchObject({ _type: "images/separated", count: 2, captions: ["", "b"] });
  expect(rows[4]?.["table"]).toMatchObject({ _type: "table-file", ncols: 2, nrows: 1 });
  const paths = records
    .filter((record) => kindOf(record) === "files")
    .flatMap((record) => messages(message(record, 6), 1).map((file) => text(file, 1)));
  for (const path of paths) expect(existsSync(join(dir, "files", path)), path).toBe(true);
  expect(paths).toContain((rows[2] as { "val/confusion": { path: string } })["val/confusion"].path);

  const metrics = records.filter((record) => kindOf(record) === "metric").map((record) => message(record, 12));
  expect(metrics.map((metric) => [text(metric, 1), text(metric, 2), text(metric, 4)])).toContainEqual([
    "train/loss",
    "",
    "trainer/global_step",
  ]);
  const config = parseYaml(readFileSync(join(dir, "files/config.yaml"), "utf8"));
  expect(config).toMatchObject({ lr: { value: 0.1 }, model: { value: { name: "resnet18" } } });
  const summary = JSON.parse(readFileSync(join(dir, "files/wandb-summary.json"), "utf8").replace("NaN", "null"));
  expect(summary).toMatchObject({ "train/loss": 0.25, _step: 4, _wandb: { runtime: expect.any(Number) } });
});

test("the histograms of a step make one row, with the step's metrics", async () => {
  const dir = await offlineRun(folder(), (logger) => {
    logger.logHistogram("weights/a", [1, 2], 0);
    logger.logHistogram("weights/b", [3], 0);
    logger.logMetrics({ loss: 1 }, 0);
    logger.logHistogram("weights/a", [1, 2], 5);
    logger.logMetrics({ loss: 1 }, 6);
    logger.logHistogram("weights/a", [1, 2], 7);
  });
  const rows = historyRows(readWandbLog(logOf(dir)).records);
  const names = rows.map((row) => Object.keys(row).filter((name) => !name.startsWith("_")));
  expect(names).toEqual([
    ["loss", "weights/a", "weights/b", "trainer/global_step"],
    ["weights/a", "trainer/global_step"],
    ["loss", "trainer/global_step"],
    ["weights/a", "trainer/global_step"],
  ]);
  expect(rows.map((row) => row["trainer/global_step"])).toEqual([0, 5, 6, 7]);
  expect(rows[0]?.["weights/a"]).toMatchObject({ _type: "histogram" });
});

test("records of every size are framed so that an independent reader and our own get them back", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 12 }), (sizes) => {
      const path = join(folder(), "run-x.wandb");
      const writer = new TransactionLogWriter(path);
      // Field 19 (uuid), a text as long as wanted.
      const encoded = sizes.map((size) => {
        const head: number[] = [0x9a, 0x01];
        for (let rest = size; ; rest >>>= 7) {
          head.push(rest >= 128 ? (rest & 127) | 128 : rest);
          if (rest < 128) break;
        }
        return Buffer.concat([Uint8Array.from(head), Buffer.alloc(size, 97)]);
      });
      for (const record of encoded) writer.write(record);
      writer.close();
      expect(readWandbLog(path).records.map((record) => text(record, 19).length)).toEqual(sizes);
      const reader = new TransactionLogReader(path);
      const own: number[] = [];
      for (let record = reader.next(); record !== undefined; record = reader.next()) own.push(record.uuid.length);
      reader.close();
      expect(own).toEqual(sizes);
    }),
    { numRuns: 40 },
  );
});

test("a log cut anywhere is readable up to its last complete record, and a damaged block loses no other", async () => {
  const dir = await offlineRun(folder(), (logger) => {
    for (let step = 0; step < 1500; step++) logger.logMetrics({ a: step, b: step / 3 }, step);
  });
  const path = logOf(dir);
  const bytes = readFileSync(path);
  const rows = (file: string) => {
    const reader = new TransactionLogReader(file);
    const steps: number[] = [];
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      if (record.recordType.case === "history") steps.push(Number(record.recordType.value.step?.num));
    }
    reader.close();
    return steps;
  };
  const all = rows(path);
  expect(all).toEqual(Array.from({ length: 1500 }, (_, i) => i));
  fc.assert(
    fc.property(fc.integer({ min: 8, max: bytes.length }), (length) => {
      const cut = join(folder(), "run-x.wandb");
      writeFileSync(cut, bytes);
      truncateSync(cut, length);
      const kept = rows(cut);
      expect(kept).toEqual(all.slice(0, kept.length));
      expect(historyRows(readWandbLog(cut).records)).toHaveLength(kept.length);
    }),
    { numRuns: 60 },
  );
  const damaged = join(folder(), "run-x.wandb");
  const copy = Buffer.from(bytes);
  copy[40_000] = (copy[40_000] as number) ^ 0xff;
  writeFileSync(damaged, copy);
  const kept = rows(damaged);
  expect(kept.length).toBeLessThan(all.length);
  expect(kept.length).toBeGreaterThan(all.length - 700);
  expect(kept.at(-1)).toBe(1499);
});

test("a run killed with SIGKILL while it logs is readable, complete rows only", async () => {
  const root = folder();
  const script = join(root, "log.mts");
  const entry = new URL("../src/wandb-logger.ts", import.meta.url).href;
  writeFileSync(
    script,
    `const { WandbLogger } = await import(${JSON.stringify(entry)});
     const logger = new WandbLogger({ saveDir: ${JSON.stringify(root)}, offline: true, systemMetricsInterval: 0 });
     for (let step = 0; ; step++) { logger.logMetrics({ a: step, b: -step, text: step * 0.1 }, step); if (step === 300) process.stdout.write("go\\n"); }`,
  );
  const child = spawn(
    process.execPath,
    ["--conditions=classifier-source", "--import", import.meta.resolve("tsx"), script],
    {
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  const exited = new Promise((resolve) => child.once("exit", resolve));
  await Promise.race([exited, new Promise((resolve) => child.stdout.once("data", resolve))]);
  child.kill("SIGKILL");
  await exited;
  const dir = join(
    root,
    "wandb",
    readdirSync(join(root, "wandb")).find((name) => name.startsWith("offline-run-")) as string,
  );
  const rows = historyRows(readWandbLog(logOf(dir)).records);
  expect(rows.length).toBeGreaterThanOrEqual(300);
  expect(rows.map((row) => row["a"])).toEqual(rows.map((_, i) => i));
  expect(JSON.parse(readFileSync(join(dir, "files/wandb-summary.json"), "utf8"))).toHaveProperty("a");
});

test("without a key the run is offline, said in one line; the environment decides as for the official client", () => {
  const dir = folder();
  const settings = (environment: Record<string, string>, offline = false) =>
    wandbSettings({ offline, saveDir: null, environment: { HOME: dir, WANDB_DIR: dir, ...environment } });
  expect(settings({})).toMatchObject({
    mode: "offline",
    reason: expect.stringContaining("no API key"),
    wandbDir: join(dir, "wandb"),
  });
  expect(settings({ WANDB_MODE: "disabled" }).mode).toBe("disabled");
  expect(settings({ WANDB_MODE: "dryrun", WANDB_API_KEY: "k" })).toEqual({
    mode: "offline",
    baseUrl: "https://api.wandb.ai",
    wandbDir: join(dir, "wandb"),
  });
  expect(settings({ WANDB_API_KEY: "k", WANDB_BASE_URL: "http://127.0.0.1:9/" })).toMatchObject({
    mode: "offline",
    reason: "no connection to http://127.0.0.1:9",
  });
  expect(() => settings({ WANDB_MODE: "sometimes" })).toThrowErrorMatchingInlineSnapshot(`
    [CtError: WANDB_MODE: expected online, offline or disabled, received 'sometimes'
      fix: set it to online, offline or disabled]
  `);
  const hidden = folder();
  mkdirSync(join(hidden, ".wandb"));
  expect(wandbSettings({ offline: true, saveDir: hidden, environment: {} }).wandbDir).toBe(join(hidden, ".wandb"));
});

test("netrc entries are found by host", () => {
  const netrc =
    "# comment\nmachine other.net login a password b\nmachine api.wandb.ai\n  login user\n  password secret\n";
  expect(netrcPassword(netrc, "api.wandb.ai")).toBe("secret");
  expect(netrcPassword(netrc, "nowhere")).toBeUndefined();
  expect(netrcPassword(`${netrc}default login x password y`, "nowhere")).toBe("y");
});
