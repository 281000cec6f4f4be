import { execFileSync, spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs a program in the project's root with this terminal; its exit code becomes ours unless it is 0. */
export function run(program, args, env = {}) {
  const result = spawnSync(program, args, { cwd: root, stdio: "inherit", env: { ...process.env, ...env } });
  if (result.error) throw result.error;
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** Programs of installed packages, run by Node: what npm puts into `.bin` cannot be started without a shell on Windows. */
const programs = {
  biome: "@biomejs/biome/bin/biome",
  knip: "knip/bin/knip.js",
  tsc: "typescript/bin/tsc",
  vitest: "vitest/vitest.mjs",
};

/** @param {keyof typeof programs} name */
export const runTool = (name, args, env) =>
  run(process.execPath, [`${root}node_modules/${programs[name]}`, ...args], env);

/** The files that git tracks, relative to the root. @param paths only those at or below these */
export function trackedFiles(...paths) {
  const list = execFileSync("git", ["ls-files", "--", ...paths], { cwd: root, encoding: "utf8" });
  return list.split("\n").filter(Boolean);
}

/** Ends a check: prints its problems and what it looked at, which must not be nothing. */
export function endCheck(summary, looked, problems) {
  const all = looked > 0 ? problems : [...problems, `${summary}: nothing was found to look at`];
  for (const problem of all) process.stderr.write(`${problem}\n`);
  process.stdout.write(`${summary}, ${all.length} problems\n`);
  process.exit(all.length === 0 ? 0 : 1);
}
