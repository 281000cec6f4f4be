import { writeFileAtomic } from "@classifier-training/base";
import type { RegisterCommand } from "../commands.ts";
import { exitCode } from "../failure.ts";
import { print } from "../print.ts";
import { progressLine } from "../progress.ts";
import { wholeNumber } from "../whole-number.ts";

interface CheckCommandOptions {
  readonly minSide: number;
  readonly limit: number;
  readonly maxPixels?: number;
  readonly exifOrientation?: boolean;
  readonly json?: string;
}

export const registerData: RegisterCommand = (program, finish) => {
  const data = program
    .command("data")
    .description("look at a data set before training on it")
    .addHelpText("after", "\nExamples:\n  classifier data check photos\n  classifier data stats photos");
  data
    .command("check")
    .description("duplicates, contradictory labels, corrupt, tiny, missing and unlabelled files")
    .argument("<root>", "the folder that holds the splits")
    .option("--min-side <px>", "a picture with a shorter side is tiny", wholeNumber, 16)
    .option("--limit <n>", "how many examples of each kind to show", wholeNumber, 10)
    .option("--max-pixels <n>", "as data.max_pixels (default: 100 million)", wholeNumber)
    .option("--exif-orientation", "as data.exif_orientation=true: turn images as EXIF says")
    .option("--json <file>", "write everything that was found")
    .addHelpText(
      "after",
      "\nExit codes: 0 nothing found that breaks a training; 2 corrupt, missing or contradictory files, or a split that training cannot read.\n\nExample:\n  classifier data check data/jerseys",
    )
    .action(async (root: string, { limit, json, ...options }: CheckCommandOptions) => {
      const { checkData, renderDataReport } = await import("@classifier-training/vision");
      const report = await checkData(root, { ...options, onProgress: progressLine("checking") });
      print(`${renderDataReport(report, { limit })}\n`);
      if (json !== undefined) writeFileAtomic(json, `${JSON.stringify(report, null, 2)}\n`);
      const { refused, corrupt, missing, contradictions } = report;
      const problems = [refused, corrupt, missing, contradictions].some(({ length }) => length > 0);
      finish(problems ? exitCode.problemsFound : exitCode.success);
    });
  data
    .command("stats")
    .description("how many pictures each class has in each split, and the weights that follow")
    .argument("<root>", "the folder that holds the splits")
    .addHelpText("after", "\nExample:\n  classifier data stats data/jerseys")
    .action(async (root: string) => {
      const { splitStatistics } = await import("../../data/statistics.ts");
      print(`${splitStatistics(root)}\n`);
    });
};
