import { splitFolderNames, writeFileAtomic } from "@classifier-training/base";
import { withPlugins } from "../../plugins.ts";
import { fraction, nonNegativeInteger, print, type RegisterCommand } from "../command.ts";
import { type ColumnFlags, onlyDataWords, readingOf, withColumns } from "../data-options.ts";
import { progressLine } from "../progress.ts";

interface ExportCommandOptions extends ColumnFlags {
  readonly out: string;
  readonly data: string;
  readonly split: string;
  readonly golden: number;
  readonly refuse?: number;
  readonly zip?: boolean;
  readonly json?: string;
}

export const registerExport: RegisterCommand = (program) => {
  withColumns(withPlugins(program.command("export")))
    .description("create a verifiable bundle: model, labels, preprocessing, golden samples, accuracy, hashes")
    .argument("<model>", "a run directory or a checkpoint")
    .argument("[data.KEY=VALUE...]", "how the data is read, as in training: data.label_column=kind")
    .requiredOption("--data <root>", "the dataset to measure on")
    .option("--out <folder>", "output folder", "bundle")
    .option("--split <name>", "name of the split", splitFolderNames.val[0])
    .option("--golden <n>", "number of samples to store with their logits", nonNegativeInteger, 8)
    .option(
      "--refuse <fraction>",
      "predictions of the bundle call so many images, like those of validation, unreadable: the least confident",
      fraction,
    )
    .option("--zip", "also write OUT.zip")
    .option("--json <file>", "write what was measured, and what a check of the finished bundle says")
    .addHelpText(
      "after",
      "\nExample:\n  classifier export outputs/2026-01-31/12-00-00 --data data/jerseys --out bundle --zip",
    )
    .action(async (model: string, given: string[], options: ExportCommandOptions) => {
      const { out, data, split, golden, refuse, zip, json } = options;
      const reading = await readingOf(onlyDataWords(given), options);
      const { zipBundle } = await import("../../bundle/create.ts");
      const { exportBundle } = await import("../../bundle/from-model.ts");
      const { describeMeasure } = await import("../../statistics/multilabel.ts");
      const { describeInterval, wilsonInterval } = await import("@classifier-training/runs");
      const manifest = await exportBundle({
        model,
        out,
        dataRoot: data,
        reading,
        split,
        golden,
        refuse,
        onProgress: progressLine,
      });
      const { accuracy, parity, paritySamples } = manifest;
      print(`bundle     ${out}\n`);
      if (accuracy?.mAP) print(`${split} ${describeMeasure("mAP", accuracy.mAP)}\n`);
      else if (accuracy) print(`${split} top-1  ${describeInterval(wilsonInterval(accuracy.correct, accuracy.n))}\n`);
      if (parity !== undefined)
        print(
          `parity     logits differ from LibTorch's by at most ${parity.toExponential(1)} (${paritySamples} images)\n`,
        );
      const archive = zip ? await zipBundle(out) : undefined;
      if (archive !== undefined) print(`archive    ${archive}\n`);
      if (json !== undefined) {
        const { exportReport } = await import("../../bundle/export-report.ts");
        writeFileAtomic(json, `${JSON.stringify(await exportReport(archive ?? out), null, 2)}\n`);
      }
      print(`verify it anywhere: npx classifier bundle verify ${out}\n`);
    });
};
