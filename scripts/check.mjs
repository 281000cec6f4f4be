// npm run check: types, lint and format, unused code and dependencies, tests that cannot fail, generated code,
// package boundaries.
import process from "node:process";
import { run, tool } from "./exec.mjs";

const checks = [
  ["types", tool("tsc"), ["-p", "tsconfig.check.json"]],
  ["lint and format", tool("biome"), ["ci", "--error-on-warnings", "."]],
  ["unused code and dependencies", tool("knip"), ["--no-progress"]],
  ["tests that cannot fail", process.execPath, ["scripts/check-tests.mjs"]],
  ["generated code", process.execPath, ["scripts/check-generated.mjs"]],
  ["package boundaries", process.execPath, ["scripts/check-boundaries.mjs"]],
  ["exports that nothing uses", process.execPath, ["scripts/check-exports.mjs"]],
  ["names of a run's files", process.execPath, ["scripts/check-file-names.mjs"]],
];

for (const [name, program, args] of checks) {
  process.stdout.write(`check: ${name}\n`);
  run(program, args);
}
