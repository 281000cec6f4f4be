// npm run check: types, lint and format, unused code and dependencies, package boundaries, file sizes.
import process from "node:process";
import { run, tool } from "./exec.mjs";

const checks = [
  ["types", tool("tsc"), ["-p", "tsconfig.check.json"]],
  ["lint and format", tool("biome"), ["ci", "--error-on-warnings", "."]],
  ["unused code and dependencies", tool("knip"), ["--no-progress"]],
  ["package boundaries", process.execPath, ["scripts/check-boundaries.mjs"]],
];

for (const [name, program, args] of checks) {
  process.stdout.write(`check: ${name}\n`);
  run(program, args);
}
