/**
 * What the product promises of time: `npm run bench -w packages/classifier`, or with a part's name that part. `clock` says
 * how far `train PATH time=1m` ends from the clock, alone and beside busy programs, and whether the schedule was trained to
 * its end; with `--time 2m` of another time.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clock } from "./clock.ts";

const parts = { clock };
const asked = process.argv.slice(2);
const timeAt = asked.indexOf("--time");
const [, time = "1m"] = timeAt < 0 ? [] : asked.splice(timeAt, 2);
for (const [name, run] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const root = mkdtempSync(join(tmpdir(), "classifier-bench-"));
  await run(root, time);
  rmSync(root, { recursive: true, force: true });
}
