import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { distributionCases } from "./distributions.ts";
import { resnetCases } from "./resnet.ts";
import type { CaseResult, Section } from "./section.ts";
import { transformCases } from "./transforms.ts";

/** Every recorded file that this package answers, in the order of the report. */
const sections: readonly Section[] = [
  { file: "transforms.json", run: transformCases },
  { file: "transforms_distributions.json", run: distributionCases },
  { file: "resnet.json", run: resnetCases },
];

const [given, ...flags] = process.argv.slice(2);
const verbose = flags.includes("--verbose");
if (given === undefined) {
  process.stdout.write("usage: npm run conformance -w packages/vision -- DIR [--verbose]\n");
  process.exit(2);
}
const folder = resolve(process.env["INIT_CWD"] ?? process.cwd(), given);
let failed = 0;
let looked = 0;
for (const { file, run } of sections) {
  const path = join(folder, file);
  if (!existsSync(path)) {
    process.stdout.write(`${file}: not in ${given}, skipped\n`);
    continue;
  }
  const results: CaseResult[] = await run(JSON.parse(readFileSync(path, "utf8")), folder);
  const bad = results.filter(({ failure }) => failure !== undefined);
  looked += results.length;
  failed += bad.length;
  process.stdout.write(`${file.replace(/\.json$/, "")}: ${results.length - bad.length}/${results.length}\n`);
  if (verbose) for (const { name, failure } of bad) process.stdout.write(`  ${name}: ${failure}\n`);
}
if (looked === 0) process.stdout.write(`nothing to check in ${folder}\n`);
process.exit(failed > 0 || looked === 0 ? 1 : 0);
