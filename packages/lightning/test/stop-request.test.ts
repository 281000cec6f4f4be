import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setLogSinks } from "@classifier-training/base";
import { expect, test } from "vitest";
import { inspectCheckpoint, Logger, ModelCheckpoint, Trainer } from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";

/** A logger whose service asks for a stop once a step was logged. */
class AskingLogger extends Logger {
  readonly name = "asking";
  readonly version = 0;
  readonly saveDir: string;
  #asked = false;
  status: string | undefined;
  constructor(saveDir: string) {
    super();
    this.saveDir = saveDir;
  }
  logHyperparams(): void {}
  logMetrics(_metrics: Readonly<Record<string, number>>, step: number): void {
    if (step >= 4) this.#asked = true;
  }
  override get stopRequested(): boolean {
    return this.#asked;
  }
  finalize(status: string): void {
    this.status = status;
  }
}

test("a stop asked for through a logger ends training after the batch, cleanly and with one line", async () => {
  const dir = mkdtempSync(join(tmpdir(), "stop-request-"));
  const lines: string[] = [];
  const restore = setLogSinks([({ message }) => void lines.push(message)]);
  try {
    const logger = new AskingLogger(dir);
    const checkpoint = new ModelCheckpoint({ dirpath: join(dir, "ck"), saveLast: true });
    const trainer = new Trainer({
      maxEpochs: 3,
      logEveryNSteps: 1,
      enableProgressBar: false,
      enableModelSummary: false,
      defaultRootDir: dir,
      logger,
      callbacks: [checkpoint],
    });
    await trainer.fit(new BoringModule(), { trainDataloaders: numbers(20) });
    expect(trainer.globalStep).toBe(5);
    expect(logger.status).toBe("success");
    expect(lines.filter((line) => line.includes("asked to stop"))).toHaveLength(1);
    expect(inspectCheckpoint(checkpoint.lastModelPath).summary.globalStep).toBe(5);
  } finally {
    restore();
    rmSync(dir, { recursive: true, force: true });
  }
});
