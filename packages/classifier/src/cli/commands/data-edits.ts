import { existsSync } from "node:fs";
import { CtError, displayPath, plural, printable, shortened, writeFileAtomic } from "@classifier-training/base";
import { type Command, InvalidArgumentError } from "commander";
import { nonNegativeInteger, print } from "../command.ts";

interface EditsOptions {
  readonly undo?: number | true;
  readonly redo?: number | true;
  readonly limit: number;
  readonly json?: string;
}

/** Adds `data edits`. */
export function registerDataEdits(data: Command): void {
  data
    .command("edits")
    .description("what was edited: labels, classes, splits, images left out and added; takes edits back")
    .argument("<path>", "the dataset: a folder, a list, an archive")
    .option("--undo [n]", "take back the last n edits (1 without n)", steps)
    .option("--redo [n]", "make the last n edits again that were taken back (1 without n)", steps)
    .option("--limit <n>", "number of edits to list, the last ones", nonNegativeInteger, 20)
    .option("--json <file>", "write all of them to a file")
    .addHelpText("after", "\nExamples:\n  classifier data edits photos\n  classifier data edits photos --undo 2")
    .action(async (root: string, { undo, redo, limit, json }: EditsOptions) => {
      const { describeEdit, EditLog } = await import("@classifier-training/vision");
      if (!existsSync(root)) throw missing(root);
      if (undo !== undefined && redo !== undefined) throw twoWays();
      const log = EditLog.open(root);
      const lines: string[] = [...log.notices];
      const step = (count: number | true, verb: string, one: () => Parameters<typeof describeEdit>[0] | undefined) => {
        for (let i = 0; i < Number(count); i++) {
          const edit = one();
          lines.push(edit === undefined ? `nothing to ${verb}` : `${verb}: ${describeEdit(edit)}`);
          if (edit === undefined) break;
        }
      };
      if (undo !== undefined) step(undo, "undo", () => log.undo());
      if (redo !== undefined) step(redo, "redo", () => log.redo());
      const { edits, undone } = log;
      const later = undone.length === 0 ? "" : `, and ${undone.length} taken back`;
      lines.push(`${plural(edits.length, "edit")} of ${root}${later}: ${displayPath(log.path)}`);
      const shown = limit === 0 ? [] : edits.slice(-limit);
      if (shown.length < edits.length && shown.length > 0) lines.push(`the last ${shown.length}:`);
      // Each fits into 80 columns.
      for (const edit of shown)
        lines.push(`  ${edit.time.slice(0, 16).replace("T", " ")}  ${shortened(printable(describeEdit(edit)), 60)}`);
      print(`${lines.join("\n")}\n`);
      if (json !== undefined) writeFileAtomic(json, `${JSON.stringify({ edits, undone }, null, 2)}\n`);
    });
}

function steps(text: string): number {
  const value = nonNegativeInteger(text);
  if (value === 0) throw new InvalidArgumentError("expected an integer >= 1.");
  return value;
}

function missing(root: string): CtError {
  return new CtError({
    code: "classifier/data-path",
    what: `the data path ${root} does not exist`,
    fix: "give the folder or list whose edits are meant",
  });
}

function twoWays(): CtError {
  return new CtError({
    code: "classifier/data-edits",
    what: "--undo and --redo exclude each other",
    fix: "give one of them",
  });
}
