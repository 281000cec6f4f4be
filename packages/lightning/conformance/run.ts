import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { setLogSinks } from "@classifier-training/base";
import { suites } from "./suites.ts";

/** `npm run conformance -- [DIR] [--verbose] [--only=SECTION]`: replays recordings of Lightning; ends with 0 when all agree. */
const args = process.argv.slice(2);
const verbose = args.includes("--verbose");
const [given] = args.filter((arg) => !arg.startsWith("--"));
const only = args.find((arg) => arg.startsWith("--only="))?.slice("--only=".length);
const dir =
  given === undefined
    ? fileURLToPath(new URL("../test/fixtures/golden", import.meta.url))
    : resolve(process.env["INIT_CWD"] ?? process.cwd(), given);
if (!existsSync(dir)) {
  process.stderr.write(`no such folder: ${dir}\n`);
  process.exit(2);
}
setLogSinks([]);

let failed = false;
for (const [name, suite] of suites) {
  if (only !== undefined && only !== name) continue;
  const results = await suite(dir);
  if (results.length === 0) process.stdout.write(`${name}: not in this folder, skipped\n`);
  for (const { name: section, passed, total, failures } of results) {
    process.stdout.write(`${section}: ${passed}/${total}\n`);
    if (passed < total) failed = true;
    if (verbose) for (const failure of failures) process.stdout.write(`  ${failure}\n`);
  }
}
process.exit(failed ? 1 : 0);
