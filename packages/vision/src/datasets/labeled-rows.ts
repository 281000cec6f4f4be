import { relative } from "node:path";
import { plural } from "@classifier-training/base";
import { isImageName } from "@classifier-training/image/files";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import { asClassMap, type ClassToIdx, classFinder, indexClasses, similarNames } from "./classes.ts";
import type { ImageDatasetInit, LeftOut } from "./dataset.ts";
import { LabelSets } from "./label-sets.ts";
import { type FileTree, nameOf } from "./open/file-tree.ts";
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

/** What a dataset of rows is, but for its name and where its images are. */
export type LabeledSamples = Omit<ImageDatasetInit, "name" | "source">;

/**
 * The samples of the rows with a known label and an image, and why the others are not among them.
 * @throws VisionError for an image that does not exist, unless those are skipped
 */
export function labeledSamples(
  given: readonly LabeledRow[],
  exists: (path: string) => boolean,
  { classToIdx, onMissing, task }: Selection,
): LabeledSamples {
  const rows = rowsOfTask(given, task);
  const classes =
    classToIdx === undefined
      ? indexClasses(rows.flatMap(({ label, labels = [label] }) => labels).filter((label) => label !== ""))
      : asClassMap(classToIdx);
  const find = classFinder(classes);
  const kept: LabeledRow[] = [];
  const found: (readonly number[])[] = [];
  const leftOut: LeftOut[] = [];
  for (const row of rows) {
    const { path, label, labels = [label], where, metadata } = row;
    const indices = labels.flatMap((one) => find(one) ?? []);
    if (label === "" && labels.length > 0) leftOut.push({ reason: "no label", path, label, where, metadata });
    else if (indices.length < labels.length) leftOut.push({ reason: "label unknown to train", path, label, where });
    else if (!exists(path)) leftOut.push({ reason: "image missing", path, label, where });
    else found[kept.push(row) - 1] = indices;
  }
  const missing = leftOut.filter(({ reason }) => reason === "image missing");
  if (missing.length > 0 && onMissing === "raise") throw missingImages(missing);
  const isMultilabel = kept.some(({ labels }) => labels !== undefined);
  const labelSets = isMultilabel ? LabelSets.from(kept.length, (i) => found[i] as readonly number[]) : undefined;
  return {
    targets: labelSets?.first() ?? Int32Array.from(found, ([index]) => index as number),
    labelSets,
    classToIdx: classes,
    paths: kept.map(({ path }) => path),
    labeledAt: kept.map(({ where }) => where),
    metadata: kept.map(({ metadata }) => metadata),
    leftOut,
    remarks: [...repeatedImages(kept), ...(classToIdx === undefined ? similarNames([...classes.keys()]) : [])],
  };
}

/** Image files of a tree that no row names. */
export function unnamedImages(tree: FileTree, rows: readonly LabeledRow[]): LeftOut[] {
  const named = new Set(rows.map(({ path }) => path));
  let unnamed = tree.files().filter((path) => isImageName(nameOf(path)) && !named.has(path));
  if (unnamed.length > 0) {
    // A listing may go another way to the same files, through a link.
    const reached = new Set(rows.map(({ path }) => tree.identity(path)));
    unnamed = unnamed.filter((path) => !reached.has(tree.identity(path)));
  }
  return unnamed.map((path) => ({ reason: "named by no annotation", path, label: "", where: path }));
}

function repeatedImages(rows: readonly LabeledRow[]): string[] {
  const first = new Map<string, string>();
  const contradictory = new Map<string, Set<string>>();
  let repeated = 0;
  for (const { path, label } of rows) {
    const known = first.get(path);
    if (known === undefined) {
      first.set(path, label);
      continue;
    }
    repeated++;
    const labels = contradictory.get(path) ?? new Set([known]);
    if (labels.add(label).size > 1) contradictory.set(path, labels);
  }
  if (repeated === 0) return [];
  const [example] = contradictory;
  const under =
    example === undefined
      ? ""
      : `; ${plural(contradictory.size, "image")} under several labels, such as ${example[0]} (${[...example[1]].join(", ")})`;
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
