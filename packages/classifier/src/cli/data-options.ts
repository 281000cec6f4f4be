import { CtError } from "@classifier-training/base";
import type { Command } from "commander";
import type { ReadingOptions } from "../data/options.ts";

/** How the columns of a list are called, where they are not found by their names. */
export interface ColumnFlags {
  readonly imageColumn?: string;
  readonly labelColumn?: string;
  readonly splitColumn?: string;
  readonly group?: string;
}

/** The options of a command that reads data as training does; others are words such as `data.val_fraction=0.1`. */
export function withColumns(command: Command): Command {
  return command
    .option("--image-column <name>", "as data.image_column: column of a list with the images")
    .option("--label-column <name>", "as data.label_column: column of a list with the classes")
    .option("--split-column <name>", "as data.split_column: column of a list with the splits")
    .option("--group <name>", "as data.group: column (or pattern of paths) of what is never split");
}

/** Parts the words `data.KEY=VALUE` from the others. */
export function takeDataWords(given: readonly string[]): { readonly words: string[]; readonly others: string[] } {
  const isData = (word: string) => /^[+~]{0,2}data\.\w+=/.test(word);
  return { words: given.filter(isData), others: given.filter((word) => !isData(word)) };
}

/** The words of a command that takes no others. @throws CtError for another one */
export function onlyDataWords(given: readonly string[]): string[] {
  const { words, others } = takeDataWords(given);
  if (others.length === 0) return words;
  throw new CtError({
    code: "classifier/data-option",
    what: `expected overrides of data, such as data.val_fraction=0.1; received ${others.join(" ")}`,
    fix: "leave it out: what is not about the data has no influence here",
  });
}

/** How training would read the data. @param words `data.KEY=VALUE` */
export async function readingOf(
  words: readonly string[],
  { imageColumn, labelColumn, splitColumn, group }: ColumnFlags,
): Promise<ReadingOptions> {
  const { readingOptionsOf } = await import("../data/reading-options.ts");
  const flags = Object.entries({ imageColumn, labelColumn, splitColumn, group });
  return readingOptionsOf(words, Object.fromEntries(flags.filter(([, value]) => value !== undefined)));
}
