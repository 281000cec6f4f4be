import { resolve } from "node:path";
import { checks, recordingsFolder, replay } from "./recordings.ts";

// Replays recordings of PyTorch against this package: `npm run conformance -w packages/torch [-- DIR] [--verbose]`. Without
// DIR, those of this repository.

const args = process.argv.slice(2);
const dir = args.find((arg) => !arg.startsWith("-"));
const isVerbose = args.includes("--verbose");
const folder = dir === undefined ? recordingsFolder : resolve(process.env["INIT_CWD"] ?? process.cwd(), dir);

let failed = 0;
let total = 0;
for (const file of Object.keys(checks)) {
  const sections = (replay(folder, file) ?? []).filter((section) => section.total > 0);
  if (sections.length === 0) process.stdout.write(`${file}: not in ${folder}, skipped\n`);
  for (const section of sections) {
    process.stdout.write(`${section.name}: ${section.passed}/${section.total}\n`);
    if (isVerbose) for (const line of section.failures) process.stdout.write(`  ${line}\n`);
    failed += section.failures.length;
    total += section.total;
  }
}
if (total === 0) process.stderr.write(`no recordings for this package in ${folder}\n`);
process.exitCode = failed === 0 && total > 0 ? 0 : 1;
