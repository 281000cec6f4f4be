import { readFileSync } from "node:fs";
import { setOptionSpelling } from "@classifier-training/base";
import { Command } from "commander";
import { commands } from "./commands.ts";
import { endQuietlyOnClosedPipe, exitCode, reportFailure } from "./exit.ts";

/** The command line `classifier`. Commands load what they need when they run, so that `--help` answers at once. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("classifier")
    .description("Train, evaluate, export and deploy image classifiers.")
    .version(version(), "-V, --version")
    .showHelpAfterError("(classifier --help lists the commands)")
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText(
      "after",
      `
Examples:
  classifier train data.data_root=photos model.pretrained=false
  classifier train --config-name train_jersey_ocr_resnet18_local trainer.max_epochs=10
  classifier predict outputs/2026-01-31/12-00-00 photos/*.jpg
  classifier doctor

Exit codes: 0 success; 1 bad input or a failed run; 2 a check found problems; 130 interrupted; 141 closed pipe;
143 terminated.`,
    );
  endQuietlyOnClosedPipe();
  // Options are written in YAML and in overrides.
  setOptionSpelling("snake_case");
  let code: number = exitCode.success;
  for (const register of commands) {
    register(program, (result) => {
      code = result;
    });
  }
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    return reportFailure(error);
  }
  return code;
}

function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
