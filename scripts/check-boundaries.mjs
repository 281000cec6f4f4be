// Packages import only downward. The table is the architecture; a package.json cannot widen it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { root } from "./exec.mjs";

const mayImport = {
  base: [],
  runs: ["base"],
  hydra: ["base"],
  image: ["base"],
  torch: ["base"],
  dashboard: ["base", "runs"],
  inference: ["base", "image", "runs"],
  vision: ["base", "image", "torch"],
  onnx: ["base", "torch"],
  lightning: ["base", "torch", "runs"],
  loggers: ["base", "lightning", "runs"],
  jersey: ["base", "image", "lightning", "runs", "torch", "vision"],
  classifier: [
    ...["base", "hydra", "torch", "image", "vision", "lightning", "loggers", "onnx", "runs"],
    ...["inference", "dashboard", "jersey"],
  ],
};

const scope = "@classifier-training/";
const specifier = /(?:from|import)\s*\(?\s*["']([^"']+)["']/g;
const problems = [];
let files = 0;

for (const [name, allowed] of Object.entries(mayImport)) {
  const folder = join(root, "packages", name);
  for (const entry of readdirSync(join(folder, "src"), { recursive: true })) {
    if (!entry.endsWith(".ts")) continue;
    files++;
    const path = join(folder, "src", entry);
    for (const [, imported] of readFileSync(path, "utf8").matchAll(specifier)) {
      if (!imported.startsWith(scope)) continue;
      const target = imported.slice(scope.length).split("/")[0];
      if (target === name || allowed.includes(target)) continue;
      problems.push(
        `packages/${name}/src/${entry}: ${name} may not import ${target} (allowed: ${allowed.join(", ") || "nothing"})`,
      );
    }
  }
}

if (files === 0) problems.push("no source file was found: the check looked at nothing");
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(`package boundaries: ${files} files, ${problems.length} problems\n`);
process.exit(problems.length === 0 ? 0 : 1);
