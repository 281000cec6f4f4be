import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogRecord, setLogSinks } from "@classifier-training/base";
import { MetricsReader } from "@classifier-training/runs";
import { expect, test } from "vitest";
import { CSVLogger, type FinalStatus, GuardedLogger, Logger, ModelCheckpoint, Trainer } from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";

function folder(): string {
  return mkdtempSync(join(tmpdir(), "csv-"));
}

test("the layout is Lightning's: version_N, sorted columns, a wider header when a new metric comes", async () => {
  const saveDir = folder();
  const logger = new CSVLogger({ saveDir, name: "run" });
  logger.logHyperparams({ lr: 0.1, model: { name: "resnet18" } });
  logger.logMetrics({ loss: 1, epoch: 0 }, 0);
  logger.logMetrics({ "val/acc": Number.NaN, epoch: 0 }, 1);
  await logger.finalize("success");
  const dir = join(saveDir, "run", "version_0");
  expect(readFileSync(join(dir, "metrics.csv"), "utf8")).toBe("epoch,loss,step,val/acc\n0,1,0,\n0,,1,nan\n");
  expect(readFileSync(join(dir, "hparams.yaml"), "utf8")).toBe("lr: 0.1\nmodel:\n  name: resnet18\n");
  expect(new CSVLogger({ saveDir, name: "run" }).logDir).toBe(join(saveDir, "run", "version_1"));
});

test("with empty name and version the files lie in the run directory", () => {
  const saveDir = folder();
  new CSVLogger({ saveDir, name: "", version: "", prefix: "p" }).logMetrics({ loss: 1 }, 0);
  expect(readFileSync(join(saveDir, "metrics.csv"), "utf8")).toBe("p-loss,step\n1,0\n");
});

test("a resumed run drops the rows after its checkpoint, and ends with the file of an uninterrupted one", () => {
  const log = (logger: Logger, from: number, to: number) => {
    for (let step = from; step < to; step++) logger.logMetrics(step % 3 === 2 ? { val: step } : { loss: step }, step);
  };
  const whole = folder();
  log(new CSVLogger({ saveDir: whole, name: "", version: "" }), 0, 10);
  const saveDir = folder();
  const killed = new CSVLogger({ saveDir, name: "", version: "" });
  log(killed, 0, 2);
  const state = killed.stateDict();
  log(killed, 2, 7);
  const resumed = new CSVLogger({ saveDir, name: "", version: "" });
  resumed.loadStateDict(JSON.parse(JSON.stringify(state)));
  log(resumed, 2, 10);
  expect(readFileSync(join(saveDir, "metrics.csv"))).toEqual(readFileSync(join(whole, "metrics.csv")));
  // A state of another run leaves the file alone.
  new CSVLogger({ saveDir, name: "", version: "" }).loadStateDict({ rows: 3, lastStep: 77 });
  expect(readFileSync(join(saveDir, "metrics.csv"))).toEqual(readFileSync(join(whole, "metrics.csv")));
});

test("a logger's failures are reported once and never reach training", async () => {
  class Broken extends Logger {
    readonly name = "broken";
    readonly version = 0;
    readonly saveDir = undefined;
    logHyperparams(): void {
      throw new TypeError("disk full");
    }
    logMetrics(): void {
      throw new TypeError("disk full");
    }
    async finalize(_status: FinalStatus): Promise<void> {
      throw new TypeError("disk full");
    }
  }
  const said: LogRecord[] = [];
  const restore = setLogSinks([(record) => said.push(record)]);
  const logger = GuardedLogger.of(new Broken());
  logger.logHyperparams({});
  logger.logMetrics({ a: 1 }, 0);
  expect(logger.logImage).toBeUndefined();
  await logger.finalize("success");
  restore();
  expect(logger.failures).toBe(3);
  expect(said.map(({ message }) => message)).toEqual([
    "Broken.logHyperparams failed, training continues without it: disk full",
  ]);
});

test("metrics may have the names of an object's own properties", async () => {
  const saveDir = folder();
  const names = ["__proto__", "constructor", "hasOwnProperty"];
  class Named extends BoringModule {
    override validationStep(): void {
      for (const [i, name] of names.entries()) this.log(name, i);
    }
  }
  const trainer = new Trainer({
    maxEpochs: 1,
    logger: [new CSVLogger({ saveDir, name: "", version: "" })],
    callbacks: [new ModelCheckpoint({ dirpath: join(saveDir, "ck"), monitor: "constructor" })],
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: saveDir,
  });
  await trainer.fit(new Named(), { trainDataloaders: numbers(2), valDataloaders: numbers(1) });
  expect(Object.entries(trainer.callbackMetrics)).toEqual(expect.arrayContaining(names.map((name, i) => [name, i])));
  const { columns, rows } = new MetricsReader(join(saveDir, "metrics.csv")).poll();
  expect(columns).toEqual(expect.arrayContaining(names));
  expect(rows.flatMap((row) => Object.entries(row))).toEqual(expect.arrayContaining(names.map((name, i) => [name, i])));
});
