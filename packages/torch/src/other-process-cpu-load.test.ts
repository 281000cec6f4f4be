import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import { OtherProcessCpuLoad, processorCount } from "./other-process-cpu-load.ts";

vi.setConfig({ testTimeout: 30_000 });

test("the load of another process counts, that of this one does not", async () => {
  const load = new OtherProcessCpuLoad();
  const neighbor = spawn(process.execPath, ["-e", "for (;;) {}"], { stdio: "ignore" });
  try {
    await sleep(1500);
    // On a busy machine it gets less than a whole processor.
    expect(load.busyProcessors()).toBeGreaterThan(0.2);
  } finally {
    neighbor.kill();
  }
  const until = performance.now() + 300;
  while (performance.now() < until);
  expect(load.busyProcessors()).toBeLessThanOrEqual(processorCount());
});
