import type { RegisterCommand } from "../commands.ts";
import { exitCode } from "../failure.ts";

export const registerBundle: RegisterCommand = (program, finish) => {
  const bundle = program.command("bundle").description("work with exported bundles");
  bundle
    .command("verify")
    .description("check every file's hash, and that the model computes here what it computed at export")
    .argument("<folder>", "a folder that `classifier export` made")
    .addHelpText(
      "after",
      "\nExit codes: 0 it proved itself; 2 something is wrong.\n\nExample:\n  classifier bundle verify bundle",
    )
    .action(async (folder: string) => {
      const { verifyBundle } = await import("../../bundle/verify.ts");
      const { manifest, problems, largestDifference } = await verifyBundle(folder);
      for (const problem of problems) process.stdout.write(`${problem}\n`);
      if (problems.length === 0) {
        const files = Object.keys(manifest.files).length;
        process.stdout.write(
          `${folder}: ${files} files unchanged, ${manifest.golden.length} golden pictures reproduced (largest difference ${largestDifference.toExponential(1)})\n`,
        );
      }
      finish(problems.length === 0 ? exitCode.success : exitCode.problemsFound);
    });
};
