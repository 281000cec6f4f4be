// Lines of source per package against a budget that is committed: growth is a decision, and shrinking is noticed.
import { readFileSync } from "node:fs";
import process from "node:process";
import { root, trackedFiles } from "./exec.mjs";

const budget = JSON.parse(readFileSync(`${root}scripts/budget.json`, "utf8"));
const lines = new Map();
const add = (name, kind, count) => {
  const counted = lines.get(name) ?? { source: 0, native: 0, test: 0 };
  counted[kind] += count;
  lines.set(name, counted);
};
const files = trackedFiles("packages");
for (const file of files) {
  const kind = kindOf(file);
  if (kind === undefined) continue;
  add(file.split("/")[1], kind, readFileSync(`${root}${file}`, "utf8").split("\n").length - 1);
}

function kindOf(file) {
  if (/\.generated\.ts$|(^|\/)fixtures\//.test(file)) return undefined;
  if (/\.test\.ts$|^packages\/[^/]+\/(test|bench|conformance)\//.test(file)) return "test";
  if (/\.(tsx?|js|mjs)$/.test(file)) return "source";
  return /\.(cc|c|h|inc)$/.test(file) ? "native" : undefined;
}

const problems = [];
const columns = (...cells) =>
  `${cells[0].padEnd(12)}${cells
    .slice(1)
    .map((cell) => String(cell).padStart(9))
    .join("")}\n`;
process.stdout.write(columns("package", "source", "native", "budget", "tests"));
for (const [name, { source, native, test }] of [...lines].sort(([a], [b]) => (a < b ? -1 : 1))) {
  const most = budget[name] ?? 0;
  process.stdout.write(columns(name, source, native, most, test));
  if (source + native > most) {
    problems.push(
      `${name}: ${source + native} lines of source, more than its budget of ${most}: take something away, or raise scripts/budget.json and say why in the commit`,
    );
  }
}
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exit(problems.length === 0 ? 0 : 1);
