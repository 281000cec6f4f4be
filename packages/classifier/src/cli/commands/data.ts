import { writeFileAtomic } from "@classifier-training/base";
import { Option } from "commander";
import { nonNegativeInteger, print, type RegisterCommand } from "../command.ts";
import { type ColumnFlags, onlyDataWords, readingOf, withColumns } from "../data-options.ts";
import { exitCode } from "../exit.ts";
import { progressLine } from "../progress.ts";
import { registerDataAnalysis } from "./data-analysis.ts";
import { registerDataEdits } from "./data-edits.ts";
import { registerDataExport } from "./data-export.ts";
import { registerDataLabel } from "./data-label.ts";

interface CheckCommandOptions extends ColumnFlags {
  readonly minSide: number;
  readonly limit: number;
  readonly maxPixels?: number;
  readonly exifOrientation?: boolean;
  readonly json?: string;
}

export const registerData: RegisterCommand = (program, finish) => {
  const data = program
    .command("data")
    .description("check a dataset before training on it")
    .addHelpText("after", "\nExamples:\n  classifier data check photos\n  classifier data stats photos");
  withColumns(data.command("check"))
    .description("duplicates, contradictory labels, corrupt, tiny, missing and unlabeled files")
    .argument("<path>", "the dataset: a folder, a list, an archive, shards")
    .argument("[data.KEY=VALUE...]", "how it is read and split, as in training: data.folds=5 data.group=player")
    .option("--min-side <px>", "an image with a shorter side is tiny", nonNegativeInteger, 16)
    .option("--limit <n>", "number of examples of each kind", nonNegativeInteger, 10)
    .option("--max-pixels <n>", "as data.max_pixels (default: 100 million)", nonNegativeInteger)
    // The default by now, as in training on photos.
    .addOption(new Option("--exif-orientation").hideHelp())
    .option("--json <file>", "write all findings to a file")
    .addHelpText(
      "after",
      "\nExit codes: 0 no problems; 2 corrupt, missing or contradictory files, or a split that training cannot read.\n\nExample:\n  classifier data check data/jerseys",
    )
    .action(async (root: string, given: string[], options: CheckCommandOptions) => {
      const { limit, json, minSide, maxPixels } = options;
      const { checkData, renderDataReport } = await import("@classifier-training/vision");
      const { openOptionsOf } = await import("../../data/options.ts");
      const { splitChoicesOf } = await import("../../data/split-options.ts");
      const reading = await readingOf(onlyDataWords(given), options);
      const report = await checkData(root, {
        ...openOptionsOf(reading),
        ...(maxPixels !== undefined && { maxPixels }),
        minSide,
        split: splitChoicesOf(reading),
        onProgress: progressLine("checking"),
      });
      print(`${renderDataReport(report, { limit })}\n`);
      if (json !== undefined) writeFileAtomic(json, `${JSON.stringify(report, null, 2)}\n`);
      const { refused, corrupt, missing, contradictions } = report;
      const problems = [refused, corrupt, missing, contradictions].some(({ length }) => length > 0);
      finish(problems ? exitCode.problemsFound : exitCode.success);
    });
  registerDataAnalysis(data);
  withColumns(data.command("stats"))
    .description("number of images per class and split, and the class weights")
    .argument("<path>", "the dataset: a folder, a list, an archive, shards")
    .argument("[data.KEY=VALUE...]", "how it is read and split, as in training: data.folds=5 data.group=player")
    .addHelpText("after", "\nExample:\n  classifier data stats data/jerseys")
    .action(async (root: string, given: string[], columns: ColumnFlags) => {
      const { splitStatistics } = await import("../../data/statistics.ts");
      print(`${await splitStatistics(root, await readingOf(onlyDataWords(given), columns))}\n`);
    });
  registerDataEdits(data);
  registerDataExport(data);
  registerDataLabel(data);
};
