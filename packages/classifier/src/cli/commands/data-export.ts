import { getLogger, plural, type Split, splitFolderNames } from "@classifier-training/base";
import { type Command, Option } from "commander";
import { print } from "../command.ts";
import { type ColumnFlags, onlyDataWords, readingOf, withColumns } from "../data-options.ts";
import { progressLine } from "../progress.ts";

const log = getLogger("classifier.data");

interface ExportCommandOptions extends ColumnFlags {
  readonly to: string;
  readonly as: "folders" | "jsonl";
  readonly link?: boolean;
}

/** Adds `data export`. */
export function registerDataExport(data: Command): void {
  withColumns(data.command("export"))
    .description("write a dataset with its edits as folders or as a list; the original is not changed")
    .argument("<path>", "the dataset: a folder, a list, an archive, shards")
    .argument("[data.KEY=VALUE...]", "how it is read, as in training: data.class_folder=leaf")
    .requiredOption("--to <folder>", "a new folder")
    .addOption(
      new Option("--as <layout>", "SPLIT/CLASS/IMAGE, or data.jsonl and images/")
        .choices(["folders", "jsonl"])
        .default("folders"),
    )
    .option("--link", "hard links in place of copies, where the disk allows it")
    .addHelpText("after", "\nExample:\n  classifier data export photos --to photos-edited")
    .action(async (root: string, given: string[], options: ExportCommandOptions) => {
      const { exportData } = await import("../../data/export-data.ts");
      const { to, as: layout, link = false } = options;
      const reading = await readingOf(onlyDataWords(given), options);
      const onProgress = progressLine("exporting");
      const { images, classes, notices } = await exportData(root, reading, { to, layout, link, onProgress });
      for (const notice of notices) log.warning(notice);
      const counts = Object.entries(images).map(([split, count]) => `${count} ${splitFolderNames[split as Split][0]}`);
      print(`${to}: ${counts.join(", ")}, ${plural(classes, "class", "classes")}\n`);
    });
}
