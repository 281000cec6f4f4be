import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkClipping } from "./clipping.ts";
import { checkLosses } from "./losses.ts";
import { checkOptimizers } from "./optimizers.ts";
import type { Section } from "./report.ts";
import { checkResnets } from "./resnet.ts";
import { checkSchedulers } from "./schedulers.ts";

// Replays recordings of PyTorch against this package: `npm run conformance -w packages/torch -- DIR [--verbose]`.

const [dir, ...flags] = process.argv.slice(2).sort((a, b) => Number(a.startsWith("-")) - Number(b.startsWith("-")));
if (dir === undefined || dir.startsWith("-")) {
  process.stderr.write("usage: npm run conformance -w packages/torch -- DIR [--verbose]\n");
  process.exit(2);
}
const folder = resolve(process.env["INIT_CWD"] ?? process.cwd(), dir);

type Check = (recordings: Readonly<Record<string, unknown>>) => Section[];

function part(key: string, check: (recordings: never) => Section): Check {
  return (recordings) => (recordings[key] === undefined ? skip(key) : [check(recordings[key] as never)]);
}

function skip(what: string): Section[] {
  process.stdout.write(`${what}: not in ${folder}, skipped\n`);
  return [];
}

const files: readonly [name: string, checks: readonly Check[]][] = [
  [
    "numerics.json",
    [part("losses", checkLosses), part("optimizers", checkOptimizers), part("clip_grad_norm", checkClipping)],
  ],
  ["schedulers.json", [(recordings) => [checkSchedulers(recordings)]]],
  ["resnet.json", [checkResnets]],
];

function read(path: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  } catch (error) {
    process.stderr.write(`${path}: ${(error as Error).message}\n`);
    process.exit(1);
  }
}

let failed = 0;
let total = 0;
for (const [name, checks] of files) {
  const path = join(folder, name);
  if (!existsSync(path)) {
    skip(name);
    continue;
  }
  const recordings = read(path);
  for (const section of checks.flatMap((check) => check(recordings))) {
    if (section.total === 0) {
      skip(section.name);
      continue;
    }
    process.stdout.write(`${section.name}: ${section.passed}/${section.total}\n`);
    if (flags.includes("--verbose")) for (const line of section.failures) process.stdout.write(`  ${line}\n`);
    failed += section.failures.length;
    total += section.total;
  }
}
if (total === 0) process.stderr.write(`no recordings for this package in ${folder}\n`);
process.exitCode = failed === 0 && total > 0 ? 0 : 1;
