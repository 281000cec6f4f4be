import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { plural } from "@classifier-training/base";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import { asClassMap, type ClassToIdx, indexClasses } from "./classes.ts";
import { ImageDataset } from "./dataset.ts";
import { emptySplit, filesBelow, splitFolder } from "./folders.ts";

export const jsonlOptions = z.strictObject({
  /** Folder that holds the splits. */
  root: z.string(),
  /** Folder below it that is read; the root itself when absent. */
  split: z.string().optional(),
  /** The classes of the training split. Rows with other labels are skipped and counted. */
  classToIdx: z.custom<ClassToIdx>((value) => typeof value === "object" && value !== null).optional(),
  /** What happens to rows whose image file does not exist. */
  onMissing: z.enum(["raise", "skip"]).default("raise"),
  /** Pixels that an image may have at most. */
  maxPixels: z.number().int().positive().optional(),
});

/** One line of an annotations file. */
export interface AnnotationRow {
  /** Full path of the image. */
  readonly image: string;
  readonly prefix: string;
  /** The label; empty means none. */
  readonly suffix: string;
  readonly metadata?: unknown;
  /** Where it is written: file and line. */
  readonly where: string;
}

/**
 * Images listed in JSON lines: every `*.jsonl` below the split's folder, with rows
 * `{"image": "CLASS/FILE", "prefix": ..., "suffix": LABEL, "metadata": ...}`. Image paths are relative to their
 * annotations file (or to the split's folder). Rows without a label are left out, as are labels unknown to
 * `classToIdx`; `skipped` has the counts.
 * @throws VisionError if the root or split is missing or empty, a line is not JSON or lacks a field (file and line are
 * named), or an image does not exist.
 */
export class JsonlDataset extends ImageDataset {
  readonly rows: readonly AnnotationRow[];

  constructor(options: z.input<typeof jsonlOptions>) {
    const { root, split, classToIdx, onMissing, maxPixels } = jsonlOptions.parse(options);
    const folder = splitFolder(root, split);
    const files = filesBelow(folder, (name) => name.endsWith(".jsonl"));
    if (files.length === 0) {
      throw emptySplit(
        folder,
        "there is no *.jsonl file in it",
        "add annotations.jsonl, or read the folder as an ImageFolder",
      );
    }
    const all = files.flatMap((file) => readAnnotations(file, folder));
    const labelled = all.filter(({ suffix }) => suffix !== "");
    const classes =
      classToIdx === undefined ? indexClasses(labelled.map(({ suffix }) => suffix)) : asClassMap(classToIdx);
    const known = labelled.filter(({ suffix }) => classes.has(suffix));
    const missing = known.filter(({ image }) => !existsSync(image));
    if (missing.length > 0 && onMissing === "raise") throw missingImages(missing);
    const gone = new Set(missing);
    const rows = known.filter((row) => !gone.has(row));
    if (rows.length === 0) {
      throw emptySplit(
        folder,
        `none of its ${plural(all.length, "row")} has a usable label`,
        "check the 'suffix' fields",
      );
    }
    const paths = rows.map(({ image }) => image);
    super({
      name: split ?? folder,
      source: { kind: "files", paths, ...(maxPixels === undefined ? {} : { decode: { maxPixels } }) },
      targets: Int32Array.from(rows, ({ suffix }) => classes.get(suffix) as number),
      classToIdx: classes,
      paths,
      skipped: {
        "no label": all.length - labelled.length,
        "label unknown to train": labelled.length - known.length,
        "image missing": gone.size,
      },
    });
    this.rows = rows;
  }
}

/** The rows of one annotations file. @throws VisionError naming file and line. */
export function readAnnotations(file: string, splitRoot: string): AnnotationRow[] {
  const rows: AnnotationRow[] = [];
  const lines = readFileSync(file, "utf8")
    .replace(/^\uFEFF/, "")
    .split("\n");
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const where = `${file}:${i + 1}`;
    const row = parseRow(line, where);
    let image = join(dirname(file), row.image);
    if (dirname(file) !== splitRoot && !existsSync(image)) {
      const fromSplit = join(splitRoot, row.image);
      if (existsSync(fromSplit)) image = fromSplit;
    }
    rows.push({ ...row, image, where });
  }
  return rows;
}

function parseRow(line: string, where: string): Omit<AnnotationRow, "where"> {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw annotationError(`the annotations line is not JSON: ${why}`, where, error);
  }
  if (typeof row !== "object" || row === null || Array.isArray(row)) {
    throw annotationError("the annotations line is not an object", where);
  }
  const { image, prefix, suffix, metadata } = row as Record<string, unknown>;
  if (typeof image !== "string" || image === "") throw annotationError("the field 'image' must be a path", where);
  if (suffix != null && typeof suffix !== "string" && typeof suffix !== "number") {
    throw annotationError("the field 'suffix' must be the label, a string", where);
  }
  return {
    image,
    prefix: typeof prefix === "string" ? prefix : "",
    suffix: suffix == null ? "" : String(suffix).trim(),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function annotationError(what: string, where: string, cause?: unknown): VisionError {
  const fix = 'each line reads {"image": "CLASS/FILE", "prefix": "...", "suffix": "LABEL"}';
  return new VisionError({ code: "vision/annotations", what, where, fix, cause });
}

function missingImages(rows: readonly AnnotationRow[]): VisionError {
  const [first] = rows as [AnnotationRow];
  const others = rows.length === 1 ? "" : ` (and ${rows.length - 1} more)`;
  return new VisionError({
    code: "vision/image-missing",
    what: `the image ${relative(process.cwd(), first.image)} does not exist${others}`,
    where: first.where,
    fix: "restore the files, remove the rows, or set on_missing to skip",
  });
}
