import { plural } from "@classifier-training/base";
import { withPlugins } from "../../plugins.ts";
import { print, type RegisterCommand } from "../command.ts";
import { exitCode } from "../exit.ts";

export const registerBundle: RegisterCommand = (program, finish) => {
  const bundle = program
    .command("bundle")
    .description("work with exported bundles")
    .addHelpText("after", "\nExample:\n  classifier bundle verify bundle");
  withPlugins(bundle.command("verify"))
    .description("check the hash of every file, and the logits of the golden samples on this machine")
    .argument("<bundle>", "a folder or zip archive of `classifier export`")
    .addHelpText(
      "after",
      "\nExit codes: 0 intact; 2 changed files or different logits.\n\nExamples:\n  classifier bundle verify bundle\n  classifier bundle verify bundle.zip",
    )
    .action(async (path: string) => {
      const { verifyBundle } = await import("@classifier-training/inference");
      const { manifest, problems, largestDifference } = await verifyBundle(path);
      for (const problem of problems) print(`${problem}\n`);
      if (problems.length === 0) {
        const files = Object.keys(manifest.files).length;
        print(
          `${path}: ${plural(files, "file")} unchanged, ${plural(manifest.golden.length, "golden sample")} reproduced (largest difference ${largestDifference.toExponential(1)})\n`,
        );
      }
      finish(problems.length === 0 ? exitCode.success : exitCode.problemsFound);
    });
};
