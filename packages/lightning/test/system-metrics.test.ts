import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MetricsReader, runPaths } from "@classifier-training/runs";
import { expect, test } from "vitest";
import { Trainer, targets } from "../src/index.ts";
import { parseGpus, SystemSampler } from "../src/utilities/system-sampler.ts";
import { BoringModule, numbers } from "./boring.ts";
import { dir, said } from "./workbench.ts";

const train = (path: string, options: { readonly fastDevRun?: boolean } = {}) => {
  const name = "lightning.pytorch.callbacks.SystemMetricsMonitor";
  return new Trainer({
    maxEpochs: 2,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    defaultRootDir: dir,
    callbacks: [targets[name]?.invoke([], { path, every_seconds: 1e-6 }) as never],
    ...options,
  }).fit(new BoringModule(), { trainDataloaders: numbers(4), valDataloaders: numbers(2) });
};

test("figures of the machine are noted by the clock, a second start adds to them, and a trial leaves none", async () => {
  const path = join(dir, "a b ü", runPaths.system);
  const rows = () => new MetricsReader(path).poll().rows;
  await train(path, { fastDevRun: true });
  expect(existsSync(path)).toBe(false);
  await train(path);
  await expect.poll(() => rows().length).toBeGreaterThan(0);
  const first = rows();
  for (const row of first) {
    expect(Math.abs(Number(row["time"]) - Date.now() / 1000)).toBeLessThan(60);
    expect(row["process_memory_mb"]).toBeGreaterThan(20);
    for (const name of ["memory_percent", "cpu_percent"]) {
      expect(row[name]).toBeGreaterThanOrEqual(0);
      expect(row[name]).toBeLessThanOrEqual(100);
    }
  }
  await train(path);
  await expect.poll(() => rows().length).toBeGreaterThan(first.length);
  expect(rows().slice(0, first.length)).toEqual(first);
});

test("figures that cannot be written are one warning, and training continues", async () => {
  writeFileSync(join(dir, "file"), "");
  await train(join(dir, "file", runPaths.system));
  await expect
    .poll(() => said.filter((line) => line.startsWith("no more figures of the machine are noted")).length)
    .toBe(1);
  expect(readFileSync(join(dir, "file"), "utf8")).toBe("");
});

test("nvidia-smi's numbers get W&B's names; what a card does not say is left out", () => {
  expect(parseGpus("0, 87, 40, 1000, 4000, 61, 250.5, 500\n1, 0, 0, 0, 0, [N/A], [N/A], [N/A]\n\n")).toEqual({
    "gpu.0.gpu": 87,
    "gpu.0.memory": 40,
    "gpu.0.memoryAllocated": 25,
    "gpu.0.memoryAllocatedBytes": 1000 * 2 ** 20,
    "gpu.0.temp": 61,
    "gpu.0.powerWatts": 250.5,
    "gpu.0.powerPercent": 50.1,
    "gpu.1.gpu": 0,
    "gpu.1.memory": 0,
    "gpu.1.memoryAllocatedBytes": 0,
  });
});

test("a sample of the machine has finite numbers under W&B's names", () => {
  const sample = new SystemSampler().sample();
  expect(Object.keys(sample)).toEqual(
    expect.arrayContaining(["memory_percent", "proc.memory.rssMB", "proc.cpu.threads"]),
  );
  expect(Object.values(sample).every(Number.isFinite)).toBe(true);
});
