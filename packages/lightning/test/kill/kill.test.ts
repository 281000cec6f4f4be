import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { outcome, progress, runWithKills } from "./harness.ts";

vi.setConfig({ testTimeout: 120_000 });

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

test.each([
  ["validation", "validations", "validated"],
  ["save by time", "time", "step"],
] as const)(
  `a killed run (seed ${seed}) loses no more than what came after its last %s, though the best checkpoint is the first`,
  async (_what, plan, saving) => {
    const root = mkdtempSync(join(tmpdir(), "kill-"));
    try {
      const { lasted } = await runWithKills(join(root, "whole"), 0, seed, { plan });
      const killed = join(root, "killed");
      const report = await runWithKills(killed, 3, seed, { within: lasted, plan });
      expect(report.unreadable).toEqual([]);
      const parts = progress(killed);
      for (const [i, part] of parts.slice(1).entries()) {
        const before = parts[i] ?? [];
        // The kill may have met the last save itself: the one before it is then the newest.
        const saves = before.filter(([what]) => what === saving || what === "start").map(([, step]) => step);
        const [, start = -1] = part[0] ?? [];
        expect({ before, start }).toEqual({
          before,
          start: expect.toSatisfy((step: number) => saves.slice(-2).includes(step)),
        });
      }
      expect(outcome(killed).result).toEqual(outcome(join(root, "whole")).result);
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  },
  180_000,
);
