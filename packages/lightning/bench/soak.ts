/** The long kill test: `npm run soak -- [KILLS] [SEED]`, 50 kills by default. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { outcome, runWithKills } from "../test/kill/harness.ts";

const [kills = "50", seed = String(Date.now() % 100_000)] = process.argv.slice(2);
const root = mkdtempSync(join(tmpdir(), "soak-"));
const say = (text: string) => process.stdout.write(`${text}\n`);
say(`soak: ${kills} kills, seed ${seed}, in ${root}`);
const { lasted } = await runWithKills(join(root, "whole"), 0, 0);
const expected = outcome(join(root, "whole"));
let left = Number(kills);
let duringSaves = 0;
let failed = false;
for (let round = 0; left > 0; round++) {
  const dir = join(root, `round-${round}`);
  // What is left after a kill is shorter than the whole: half of its time, so that most kills come before the end.
  const report = await runWithKills(dir, Math.min(left, 10), Number(seed) + round, { within: lasted / 2 });
  left -= report.kills;
  duringSaves += report.duringSaves;
  const actual = outcome(dir);
  const wrong = (["result", "metrics", "replay"] as const).filter((part) => actual[part] !== expected[part]);
  say(
    `round ${round}: ${report.kills} kills (${report.duringSaves} during a save), ${report.checkpointsRead} checkpoints read, ` +
      `${report.unreadable.length} unreadable, ${report.leftOver.length} left half written, ` +
      `${wrong.length === 0 ? "equal" : `DIFFERENT: ${wrong.join(", ")}`}`,
  );
  for (const line of report.unreadable) say(`  ${line}`);
  if (wrong.length > 0 || report.unreadable.length > 0 || report.leftOver.length > 0) failed = true;
  else rmSync(dir, { recursive: true, force: true });
}
if (!failed) rmSync(root, { recursive: true, force: true });
say(failed ? `FAILED: see ${root}` : `passed: ${kills} kills, ${duringSaves} of them during a save`);
process.exit(failed ? 1 : 0);
