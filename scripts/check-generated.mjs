// Generated files fit their sources: by the hash that they carry, or by generating them again.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { endCheck, root } from "./exec.mjs";
import { generatedFiles, sourceHash } from "./generated.mjs";

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

endCheck(`generated code: ${looked} files`, looked, problems);
