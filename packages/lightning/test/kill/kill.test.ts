import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outcome, runWithKills } from "./harness.ts";

const seed = Number(process.env["KILL_TEST_SEED"] ?? 20_261);

test(`a run killed at random moments (seed ${seed}) ends with the weights and metrics of one that was not`, async () => {
  const root = mkdtempSync(join(tmpdir(), "kill-"));
  try {
    const whole = join(root, "whole");
    const killed = join(root, "killed");
    // However fast the machine is, the first kill comes before the end.
    const { lasted } = await runWithKills(whole, 0, seed);
    const report = await runWithKills(killed, 4, seed, { within: lasted / 2 });
    expect(report.unreadable).toEqual([]);
    expect(report.leftOver).toEqual([]);
    expect(report.kills).toBeGreaterThan(0);
    expect(outcome(killed)).toEqual(outcome(whole));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}, 180_000);
