import { constants, type PerformanceEntry, PerformanceObserver } from "node:perf_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test, vi } from "vitest";
import * as torch from "../index.ts";

vi.setConfig({ testTimeout: 30_000 });

const MiB = 1024 * 1024;

function block(mebibytes: number): torch.Tensor {
  return torch.ones([mebibytes * MiB], { dtype: "uint8" });
}

/** Runs `step` so many times with a turn of the event loop after each, and watches V8 and the memory of tensors. */
async function watch(steps: number, step: () => void): Promise<{ collections: number; highest: number }> {
  const before = torch.memoryStats().bytes;
  let collections = 0;
  const count = (entries: readonly PerformanceEntry[]) => {
    for (const entry of entries) {
      const { kind } = (entry as PerformanceEntry & { detail: { kind: number } }).detail;
      if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) collections += 1;
    }
  };
  const observer = new PerformanceObserver((list) => count(list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  let highest = 0;
  for (let i = 0; i < steps; i++) {
    step();
    highest = Math.max(highest, torch.memoryStats().bytes - before);
    await turn();
  }
  count(observer.takeRecords());
  observer.disconnect();
  return { collections, highest: highest / MiB };
}

/** 200 MiB in ten tensors, freed by the scope. */
function scopedStep(): void {
  torch.scope(() => {
    for (let i = 0; i < 10; i++) block(20);
  });
}

test("steps that take 200 MiB in a scope and give them back start no garbage collection of their own", async () => {
  scopedStep();
  expect((await watch(100, scopedStep)).collections).toBeLessThanOrEqual(3);
});

test("V8 hears of tensors that nobody frees, and collects them before they are many", async () => {
  // 6.4 GiB in all. V8 starts to mark with each 64 MiB more, and is done a few tensors later.
  const { highest } = await watch(400, () => void block(16));
  expect(highest).toBeLessThan(512);
});

test("V8 hears of tensors that nobody frees beside a scope that takes more, without collecting in every step", async () => {
  scopedStep();
  const { collections, highest } = await watch(200, () => {
    void block(4);
    scopedStep();
  });
  expect(highest).toBeLessThan(512);
  expect(collections).toBeLessThanOrEqual(30);
});
