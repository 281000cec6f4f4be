import { CtError } from "@classifier-training/base";
import { print, type RegisterCommand } from "../command.ts";
import { exitCode } from "../exit.ts";

export const registerSetup: RegisterCommand = (program, finish) => {
  program
    .command("setup")
    .description("find LibTorch and build the native addon for it, ahead of the first training")
    .option("--force", "build the addon again")
    .addHelpText(
      "after",
      `
The first command that needs LibTorch does the same; in a Dockerfile or in CI, run it while there is a compiler.

Examples:
  classifier setup
  LIBTORCH=/opt/libtorch classifier setup`,
    )
    .action(async ({ force }: { force?: boolean }) => {
      const { BuildError, describeAddon, makeAddon, progressLines } = await import("@classifier-training/torch/setup");
      const { stderr } = process;
      try {
        const addon = await makeAddon({
          force: force === true,
          onProgress: progressLines((text) => stderr.write(text), stderr.isTTY),
        });
        if (stderr.isTTY) stderr.write("\r\u001b[2K");
        print(`LibTorch ${addon.libtorch.version}: ${addon.libtorch.libDir}\n${describeAddon(addon)}: ${addon.path}\n`);
        finish(exitCode.success);
      } catch (error) {
        if (!(error instanceof BuildError)) throw error;
        throw new CtError({ code: "setup/addon", what: error.message, cause: error });
      }
    });
};
