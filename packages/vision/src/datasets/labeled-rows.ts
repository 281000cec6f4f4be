import { existsSync, realpathSync } from "node:fs";
import { relative, resolve } from "node:path";
import { plural } from "@classifier-training/base";
import { filesBelow, isImageName } from "@classifier-training/image/files";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import { asClassMap, type ClassToIdx, indexClasses } from "./classes.ts";
import type { ImageDatasetInit, LeftOut } from "./dataset.ts";
import { LabelSets } from "./label-sets.ts";
import { type LabeledRow, rowsOfTask, type TaskChoice, taskChoices } from "./row-labels.ts";

/** Options of every dataset that a listing describes. */
export const rowOptions = {
  /** The classes of the training split. Rows with other labels are left out and counted. */
  classToIdx: z.custom<ClassToIdx>((value) => typeof value === "object" && value !== null).optional(),
  /** What happens to rows whose image file does not exist. */
  onMissing: z.enum(["raise", "skip"]).default("raise"),
  /** Whether images have one label each or any number; `auto`: as the rows say. */
  task: z.enum(taskChoices).default("auto"),
};

interface Selection {
  readonly classToIdx?: ClassToIdx | undefined;
  readonly onMissing: "raise" | "skip";
  readonly task: TaskChoice;
}

/**
 * The rows that become samples (those with a known label and an image), and why the others do not.
 * @throws VisionError for an image that does not exist, unless those are skipped
 */
export function selectRows<Row extends LabeledRow>(given: readonly Row[], { classToIdx, onMissing, task }: Selection) {
  const rows = rowsOfTask(given, task);
  const classes =
    classToIdx === undefined
      ? indexClasses(rows.flatMap(({ label, labels = [label] }) => labels).filter((label) => label !== ""))
      : asClassMap(classToIdx);
  const kept: Row[] = [];
  const leftOut: LeftOut[] = [];
  for (const row of rows) {
    const { path, label, labels = [label], where } = row;
    if (label === "" && labels.length > 0) leftOut.push({ reason: "no label", path, label, where });
    else if (!labels.every((one) => classes.has(one)))
      leftOut.push({ reason: "label unknown to train", path, label, where });
    else if (!existsSync(path)) leftOut.push({ reason: "image missing", path, label, where });
    else kept.push(row);
  }
  const missing = leftOut.filter(({ reason }) => reason === "image missing");
  if (missing.length > 0 && onMissing === "raise") throw missingImages(missing);
  return { kept, classes, leftOut };
}

/** A dataset of the rows that `selectRows` kept, without its source. */
export function labeledSamples(
  rows: readonly LabeledRow[],
  classes: ReadonlyMap<string, number>,
): Omit<ImageDatasetInit, "name" | "source"> {
  const indices = ({ labels = [] }: LabeledRow) => labels.map((label) => classes.get(label) as number);
  const isMultilabel = rows.some(({ labels }) => labels !== undefined);
  const labelSets = isMultilabel ? LabelSets.from(rows.length, (i) => indices(rows[i] as LabeledRow)) : undefined;
  return {
    targets: labelSets?.first() ?? Int32Array.from(rows, ({ label }) => classes.get(label) as number),
    labelSets,
    classToIdx: classes,
    paths: rows.map(({ path }) => path),
    labeledAt: rows.map(({ where }) => where),
    remarks: repeatedImages(rows),
  };
}

/** Image files below a folder that no row names. */
export function unnamedImages(folder: string, rows: readonly LabeledRow[]): LeftOut[] {
  const named = new Set(rows.map(({ path }) => resolve(path)));
  let unnamed = filesBelow(folder, isImageName).filter((path) => !named.has(resolve(path)));
  if (unnamed.length > 0) {
    // A listing may go another way to the same files, through a link.
    const reached = new Set(rows.filter(({ path }) => existsSync(path)).map(({ path }) => realpathSync(path)));
    unnamed = unnamed.filter((path) => !reached.has(realpathSync(path)));
  }
  return unnamed.map((path) => ({ reason: "named by no annotation", path, label: "", where: path }));
}

function repeatedImages(rows: readonly LabeledRow[]): string[] {
  const labels = new Map<string, Set<string>>();
  let repeated = 0;
  for (const { path, label } of rows) {
    const known = labels.get(path);
    if (known === undefined) labels.set(path, new Set([label]));
    else {
      known.add(label);
      repeated++;
    }
  }
  if (repeated === 0) return [];
  const contradictory = [...labels].filter(([, { size }]) => size > 1);
  const [example] = contradictory;
  const under =
    example === undefined
      ? ""
      : `; ${plural(contradictory.length, "image")} under several labels, such as ${example[0]} (${[...example[1]].join(", ")})`;
  return [`${plural(repeated, "row names", "rows name")} an image that an earlier row names, too${under}`];
}

function missingImages(rows: readonly LeftOut[]): VisionError {
  const [first] = rows as [LeftOut];
  const others = rows.length === 1 ? "" : ` (and ${rows.length - 1} more)`;
  return new VisionError({
    code: "image/missing",
    what: `the image ${relative(process.cwd(), first.path)} does not exist${others}`,
    where: first.where,
    fix: "restore the files, remove the rows, or set on_missing to skip",
  });
}
