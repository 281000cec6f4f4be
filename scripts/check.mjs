// npm run check: every rule of the repository that a program can see.
import process from "node:process";
import { run, runTool } from "./exec.mjs";

const tools = [
  ["types", "tsc", ["-p", "tsconfig.check.json"]],
  ["types of the page", "tsc", ["-p", "packages/dashboard/web/tsconfig.json"]],
  ["lint and format", "biome", ["ci", "--error-on-warnings", "."]],
  ["unused code and dependencies", "knip", ["--no-progress"]],
];
const rules = [
  ["tests that cannot fail", "scripts/check-tests.mjs"],
  ["generated code", "scripts/check-generated.mjs"],
  ["package boundaries", "scripts/check-boundaries.mjs"],
  ["exports that nothing uses", "scripts/check-exports.mjs"],
  ["words", "scripts/check-words.mjs"],
  ["lines per package", "scripts/check-budget.mjs"],
  ["names of a run's files", "scripts/check-file-names.mjs"],
];

const announce = (name) => process.stdout.write(`check: ${name}\n`);
for (const [name, tool, args] of tools) {
  announce(name);
  runTool(tool, args);
}
for (const [name, script] of rules) {
  announce(name);
  run(process.execPath, [script]);
}
