/** The long kill test: `npm run soak -- [KILLS] [SEED]`, 50 kills by default. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { outcome, runWithKills } from "../test/kill/harness.ts";

const [kills = "50", seed = String(Date.now() % 100_000)] = process.argv.slice(2);
const root = mkdtempSync(join(tmpdir(), "soak-"));
const say = (text: string) => process.stdout.write(`${text}\n`);
say(`soak: ${kills} kills, seed ${seed}, in ${root}`);
await runWithKills(join(root, "whole"), 0, 0);
const expected = outcome(join(root, "whole"));
let left = Number(kills);
let failed = false;
for (let round = 0; left > 0; round++) {
  const dir = join(root, `round-${round}`);
  const report = await runWithKills(dir, Math.min(left, 8), Number(seed) + round);
  // A round may end before its last kill.
  left -= Math.max(1, report.kills);
  const actual = outcome(dir);
  const wrong = (["result", "metrics", "replay"] as const).filter((part) => actual[part] !== expected[part]);
  say(
    `round ${round}: ${report.kills} kills, ${report.checkpointsRead} checkpoints read, ${report.unreadable.length} unreadable, ${wrong.length === 0 ? "equal" : `DIFFERENT: ${wrong.join(", ")}`}`,
  );
  if (wrong.length > 0 || report.unreadable.length > 0) failed = true;
  else rmSync(dir, { recursive: true, force: true });
}
if (!failed) rmSync(root, { recursive: true, force: true });
say(failed ? `FAILED: see ${root}` : "passed");
process.exit(failed ? 1 : 0);
