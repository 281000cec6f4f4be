import { plural } from "@classifier-training/base";
import { withPlugins } from "../../plugins.ts";
import type { RegisterCommand } from "../commands.ts";
import { exitCode } from "../failure.ts";
import { print } from "../print.ts";

export const registerBundle: RegisterCommand = (program, finish) => {
  const bundle = program
    .command("bundle")
    .description("work with exported bundles")
    .addHelpText("after", "\nExample:\n  classifier bundle verify bundle");
  withPlugins(bundle.command("verify"))
    .description("check every file's hash, and that the model computes here what it computed at export")
    .argument("<bundle>", "a folder or zip archive that `classifier export` made")
    .addHelpText(
      "after",
      "\nExit codes: 0 it proved itself; 2 something is wrong.\n\nExamples:\n  classifier bundle verify bundle\n  classifier bundle verify bundle.zip",
    )
    .action(async (path: string) => {
      const { verifyBundle } = await import("@classifier-training/inference");
      const { manifest, problems, largestDifference } = await verifyBundle(path);
      for (const problem of problems) print(`${problem}\n`);
      if (problems.length === 0) {
        const files = Object.keys(manifest.files).length;
        print(
          `${path}: ${plural(files, "file")} unchanged, ${plural(manifest.golden.length, "golden picture")} reproduced (largest difference ${largestDifference.toExponential(1)})\n`,
        );
      }
      finish(problems.length === 0 ? exitCode.success : exitCode.problemsFound);
    });
};
