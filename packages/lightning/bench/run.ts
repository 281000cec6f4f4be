/**
 * What the trainer costs: `npm run bench -w packages/lightning`, or with a part's name (`overhead`, `saving`, `resuming`)
 * that part. Both sides of a comparison run in the same process.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setLogSinks } from "@classifier-training/base";
import { getNumThreads } from "@classifier-training/torch";
import { overhead } from "./overhead.ts";
import { resuming, stalls } from "./saving.ts";
import { say } from "./support.ts";

const parts = { overhead, saving: stalls, resuming };
const asked = process.argv.slice(2);
setLogSinks([]);
say(`threads: ${getNumThreads()}`);
for (const [name, run] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const root = mkdtempSync(join(tmpdir(), "lightning-bench-"));
  await run(root);
  rmSync(root, { recursive: true, force: true });
}
process.exit(0);
