import { splitFolderNames } from "@classifier-training/base";
import { withPlugins } from "../../plugins.ts";
import type { RegisterCommand } from "../commands.ts";
import { print } from "../print.ts";
import { progressLine } from "../progress.ts";
import { wholeNumber } from "../whole-number.ts";

interface ExportCommandOptions {
  readonly out: string;
  readonly data: string;
  readonly split: string;
  readonly golden: number;
  readonly zip?: boolean;
}

export const registerExport: RegisterCommand = (program) => {
  withPlugins(program.command("export"))
    .description("make a self-proving bundle: model, labels, preprocessing, golden pictures, accuracy, hashes")
    .argument("<model>", "a run directory or a checkpoint")
    .requiredOption("--data <root>", "the data set to measure on")
    .option("--out <folder>", "where the bundle goes", "bundle")
    .option("--split <name>", "which split", splitFolderNames.val[0])
    .option("--golden <n>", "how many pictures to store with their outputs", wholeNumber, 8)
    .option("--zip", "write OUT.zip, too")
    .addHelpText(
      "after",
      "\nExample:\n  classifier export outputs/2026-01-31/12-00-00 --data data/jerseys --out bundle --zip",
    )
    .action(async (model: string, { out, data, split, golden, zip }: ExportCommandOptions) => {
      const { zipBundle } = await import("../../bundle/create.ts");
      const { exportBundle } = await import("../../bundle/from-model.ts");
      const { describeProportion, proportion } = await import("../../statistics/interval.ts");
      const manifest = await exportBundle({
        model,
        out,
        dataRoot: data,
        split,
        golden,
        onProgress: progressLine,
      });
      const { accuracy, parity, paritySamples } = manifest;
      print(`bundle     ${out}\n`);
      if (accuracy) print(`${split} top-1  ${describeProportion(proportion(accuracy.correct, accuracy.n))}\n`);
      if (parity !== undefined)
        print(
          `parity     logits differ from LibTorch's by at most ${parity.toExponential(1)} (${paritySamples} pictures)\n`,
        );
      if (zip) print(`archive    ${await zipBundle(out)}\n`);
      print(`check it anywhere: npx classifier bundle verify ${out}\n`);
    });
};
