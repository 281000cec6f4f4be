// npm run check: every rule of the repository that a program can see.
import process from "node:process";
import { run, tool } from "./exec.mjs";

const checks = [
  ["types", tool("tsc"), ["-p", "tsconfig.check.json"]],
  ["types of the page", tool("tsc"), ["-p", "packages/dashboard/web/tsconfig.json"]],
  ["lint and format", tool("biome"), ["ci", "--error-on-warnings", "."]],
  ["unused code and dependencies", tool("knip"), ["--no-progress"]],
  ["tests that cannot fail", process.execPath, ["scripts/check-tests.mjs"]],
  ["generated code", process.execPath, ["scripts/check-generated.mjs"]],
  ["package boundaries", process.execPath, ["scripts/check-boundaries.mjs"]],
  ["exports that nothing uses", process.execPath, ["scripts/check-exports.mjs"]],
  ["words", process.execPath, ["scripts/check-words.mjs"]],
  ["lines per package", process.execPath, ["scripts/check-budget.mjs"]],
  ["names of a run's files", process.execPath, ["scripts/check-file-names.mjs"]],
];

for (const [name, program, args] of checks) {
  process.stdout.write(`check: ${name}\n`);
  run(program, args);
}
