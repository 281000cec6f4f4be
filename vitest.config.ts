import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import SlowestFirst from "./scripts/slowest-first.ts";

// One compute thread: on a shared machine a multi-threaded LibTorch step waits on whichever thread was preempted.
process.env["OMP_NUM_THREADS"] ??= "1";

const conditions = ["classifier-source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["packages/*/{src,test,web}/**/*.test.ts", "scripts/**/*.test.ts"],
    pool: "forks",
    maxWorkers: availableParallelism(),
    sequence: { sequencer: SlowestFirst },
    // One line for each file, and all of what a failed test has written.
    silent: "passed-only",
    setupFiles: ["./scripts/quiet-output.ts"],
    slowTestThreshold: 600_000,
    // Slow tests say so themselves, with `vi.setConfig({ testTimeout })`; hooks may train what a file's tests look at.
    testTimeout: 10_000,
    hookTimeout: 300_000,
    expect: { requireAssertions: true },
    reporters: ["default", "./scripts/closing-line-reporter.ts"],
  },
});
