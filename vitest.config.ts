import { defineConfig } from "vitest/config";

// One compute thread: on a shared machine a multi-threaded LibTorch step waits on whichever thread was preempted.
process.env["OMP_NUM_THREADS"] ??= "1";

const conditions = ["classifier-source"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ["packages/*/{src,test}/**/*.test.ts", "scripts/**/*.test.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Slow tests say so themselves, with `vi.setConfig({ testTimeout })`; hooks may train what a file's tests look at.
    testTimeout: 10_000,
    hookTimeout: 300_000,
    expect: { requireAssertions: true },
    reporters: ["default", "./scripts/closing-line-reporter.ts"],
  },
});
