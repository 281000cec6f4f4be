// Generated files fit their sources: by the hash that they carry, and the operators' types by generating them again.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { generatedFiles, root, sourceHash } from "./generated.mjs";

const problems = [];
let looked = 0;
for (const { file, sources, command } of generatedFiles()) {
  looked++;
  if (!readFileSync(join(root, file), "utf8").includes(sourceHash(sources)))
    problems.push(`${file} was not generated from ${sources.join(", ")}: run ${command}`);
}

const aten = ["--conditions=classifier-source", "--import", "tsx", "scripts/generate-aten.ts", "--check"];
const { status, stderr } = spawnSync(process.execPath, aten, { cwd: join(root, "packages/torch"), encoding: "utf8" });
looked++;
if (status !== 0) problems.push(stderr.trim());

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(`generated code: ${looked} files, ${problems.length} problems\n`);
process.exit(problems.length === 0 ? 0 : 1);
