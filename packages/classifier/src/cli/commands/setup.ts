import { CtError } from "@classifier-training/base";
import { print, type RegisterCommand } from "../command.ts";
import { exitCode } from "../exit.ts";

interface SetupOptions {
  readonly force?: boolean;
  /** A build of LibTorch; `true` where none is named. */
  readonly download?: string | true;
}

export const registerSetup: RegisterCommand = (program, finish) => {
  program
    .command("setup")
    .description("find or fetch LibTorch and build the native addon for it, ahead of the first training")
    .option("--download [build]", "fetch LibTorch from pytorch.org first: cpu (the default), or a CUDA build")
    .option("--force", "build the addon again")
    .addHelpText(
      "after",
      `
The first command that needs LibTorch builds the addon, too; in a Dockerfile or
in CI, run this while there is a compiler. A download that was interrupted is
resumed. HTTPS_PROXY and NO_PROXY are respected; CLASSIFIER_LIBTORCH_MIRROR
replaces https://download.pytorch.org/libtorch.

Examples:
  classifier setup
  classifier setup --download
  classifier setup --download cu126
  LIBTORCH=/opt/libtorch classifier setup`,
    )
    .action(async ({ force, download }: SetupOptions) => {
      if (download !== undefined) await fetchLibTorch(download === true ? undefined : download);
      await makeAddon(force === true);
      finish(exitCode.success);
    });
};

async function fetchLibTorch(build: string | undefined): Promise<void> {
  const variable = process.env["LIBTORCH"];
  if (variable) {
    throw new CtError({
      code: "setup/download",
      what: `LIBTORCH is set (${variable}), and would be used instead of the downloaded one`,
      fix: "unset it, or leave out --download",
    });
  }
  const { downloadLibTorch } = await import("@classifier-training/torch/libtorch");
  const { progressBar } = await import("@classifier-training/torch/download");
  const { name, folder, how } = await downloadLibTorch({
    build,
    onProgress: progressBar(),
    onStep: (line) => process.stderr.write(`${line}\n`),
  });
  print(`LibTorch ${name} ${how === "present" ? "is there" : "was downloaded"}: ${folder}\n`);
}

async function makeAddon(force: boolean): Promise<void> {
  const { BuildError, describeAddon, makeAddon, progressLines } = await import("@classifier-training/torch/setup");
  const { stderr } = process;
  try {
    const addon = await makeAddon({
      force,
      onProgress: progressLines((text) => stderr.write(text), stderr.isTTY),
    });
    if (stderr.isTTY) stderr.write("\r\u001b[2K");
    print(`LibTorch ${addon.libtorch.version}: ${addon.libtorch.libDir}\n${describeAddon(addon)}: ${addon.path}\n`);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    throw new CtError({ code: "setup/addon", what: error.message, cause: error });
  }
}
