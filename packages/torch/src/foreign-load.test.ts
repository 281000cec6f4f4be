import { spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { ForeignLoad, processorCount } from "./foreign-load.ts";

test("another process that computes is seen, this one is not", async () => {
  const load = new ForeignLoad();
  const neighbour = spawn(process.execPath, ["-e", "for (;;) {}"], { stdio: "ignore" });
  try {
    await sleep(1500);
    // It may have to share its processor with the rest of a busy machine.
    expect(load.busyProcessors()).toBeGreaterThan(0.2);
  } finally {
    neighbour.kill();
  }
  const until = performance.now() + 300;
  while (performance.now() < until);
  expect(load.busyProcessors()).toBeLessThanOrEqual(processorCount());
});
