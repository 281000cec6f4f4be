import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { CtError, plural, type Split, splitOf } from "@classifier-training/base";
import type { Edit, EditLog, ExclusionReason } from "@classifier-training/vision";
import { type Command, Option } from "commander";
import { print } from "../command.ts";

interface LabelOptions {
  readonly label?: string;
  readonly none?: boolean;
  readonly exclude?: ExclusionReason | true;
  readonly include?: boolean;
  readonly split?: string;
}

/** Adds `data label`. */
export function registerDataLabel(data: Command): void {
  data
    .command("label")
    .description("edits images of a dataset: label, left out or not, split; files are not changed")
    .argument("<path>", "the dataset: a folder, a list, an archive")
    .argument("<images...>", "paths of images in it")
    .option("--label <name>", "their class")
    .option("--none", "no label")
    .addOption(new Option("--exclude [reason]", "leave them out").choices(["unreadable", "duplicate", "other"]))
    .option("--include", "use them again")
    .option("--split <name>", "train, valid, test, or any")
    .addHelpText("after", "\nExample:\n  classifier data label photos photos/cat/1.jpg --label dog")
    .action(async (root: string, given: string[], options: LabelOptions) => {
      const { describeEdit, EditLog } = await import("@classifier-training/vision");
      if (!existsSync(root))
        throw problem(`the data path ${root} does not exist`, "give a folder, a list or an archive");
      const log = EditLog.open(root);
      const images = given.map((image) => nameIn(log, image));
      const [edit, ...others] = editsOf(images, options);
      if (edit === undefined || others.length > 0) {
        throw problem(
          `expected one of --label, --none, --exclude, --include and --split, received ${plural(others.length + Number(edit !== undefined), "option")}`,
          "give one of them",
        );
      }
      log.append(edit);
      print(`${describeEdit(edit)}\n`);
    });
}

function editsOf(images: string[], { label, none, exclude, include, split }: LabelOptions): Edit[] {
  return [
    ...(label === undefined ? [] : [{ op: "label" as const, images, label }]),
    ...(none === true ? [{ op: "label" as const, images, label: null }] : []),
    ...(exclude === undefined
      ? []
      : [{ op: "exclude" as const, images, reason: exclude === true ? ("other" as const) : exclude }]),
    ...(include === true ? [{ op: "include" as const, images }] : []),
    ...(split === undefined ? [] : [{ op: "split" as const, images, split: splitNamed(split) }]),
  ];
}

function splitNamed(name: string): Split | null {
  const split = name === "any" ? null : splitOf(name);
  if (split !== undefined) return split;
  throw problem(`--split: expected train, valid, test or any, received ${name}`, "give one of them");
}

/** The name that edits have for an image: of a path from the working directory, or from the data. */
function nameIn(log: EditLog, image: string): string {
  const isInside = (name: string) => name !== "" && !name.startsWith("../") && !isAbsolute(name);
  const [file = "", ...member] = image.split("!");
  for (const path of [file, join(log.folder, file)]) {
    const name = log.nameOf(path);
    if (existsSync(path) && isInside(name)) return [name, ...member].join("!");
  }
  throw problem(`there is no image ${image} in ${log.folder}`, "give the path of an image in the data");
}

function problem(what: string, fix: string): CtError {
  return new CtError({ code: "classifier/data-label", what, fix });
}
