import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EMACallback, ModelCheckpoint, Trainer } from "../src/index.ts";
import { BoringModule, numbers } from "./boring.ts";

interface Event {
  readonly name: string;
  readonly ph: string;
  readonly ts: number;
}

/** Trains with a save and a hook that waits, and reads the trace. */
async function trace(module: BoringModule): Promise<readonly Event[]> {
  const dir = mkdtempSync(join(tmpdir(), "profile-"));
  try {
    const trainer = new Trainer({
      maxEpochs: 2,
      profiler: "chrome",
      logger: false,
      enableProgressBar: false,
      enableModelSummary: false,
      defaultRootDir: dir,
      callbacks: [new EMACallback(), new ModelCheckpoint({ dirpath: join(dir, "ck"), monitor: "v", saveLast: true })],
    });
    await trainer.fit(module, { trainDataloaders: numbers(3), valDataloaders: numbers(2) }).catch(() => undefined);
    return (JSON.parse(readFileSync(join(dir, "trace.json"), "utf8")) as { traceEvents: Event[] }).traceEvents;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

class Waiting extends BoringModule {
  override async onTrainBatchStart(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

test("the spans of a trace lie within each other, also where hooks wait, and time goes forward", async () => {
  const events = await trace(new Waiting());
  const open: string[] = [];
  let latest = 0;
  const parents = new Map<string, string | undefined>();
  for (const { name, ph, ts } of events) {
    expect(ts).toBeGreaterThanOrEqual(latest);
    latest = ts;
    if (ph === "B") {
      parents.set(name, open.at(-1));
      open.push(name);
    } else expect(open.pop()).toBe(name);
  }
  expect(open).toEqual([]);
  expect(parents.get("backward")).toBe("LightningModule.optimizerStep");
  expect(parents.get("saveCheckpoint")).toBe("ModelCheckpoint.onTrainEpochEnd");
});

test("a training that fails leaves a trace that can be read", async () => {
  class Failing extends BoringModule {
    override validationStep(): void {
      if (!this.trainer.sanityChecking) throw new TypeError("asked for");
    }
  }
  const events = await trace(new Failing());
  expect(events.map(({ name }) => name)).toContain("trainingStep");
});
