// Generated files fit their sources: by the hash that they carry, or by generating them again.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
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

/** Generators that load the native addon, which a check without setup does not have. */
const withAddon = [
  ["packages/torch", "scripts/generate-aten.ts"],
  [".", "scripts/generate-target-names.ts"],
];
if (existsSync(join(root, "packages/torch/build/ct_torch.node"))) {
  for (const [folder, script] of withAddon) {
    looked++;
    const command = ["--conditions=classifier-source", "--import", "tsx", script, "--check"];
    const { status, stderr } = spawnSync(process.execPath, command, { cwd: join(root, folder), encoding: "utf8" });
    if (status !== 0) problems.push(stderr.trim());
  }
} else
  process.stdout.write(
    "generated code: without the native addon, the names of operators and targets are not compared\n",
  );

for (const problem of problems) process.stderr.write(`${problem}\n`);
process.stdout.write(`generated code: ${looked} files, ${problems.length} problems\n`);
process.exit(problems.length === 0 ? 0 : 1);
