import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseOptions, plural } from "@classifier-training/base";
import { filesBelow, pathFrom } from "@classifier-training/image/files";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import { ImageDataset, type SampleMetadata } from "./dataset.ts";
import { labeledSamples, rowOptions, selectRows, unnamedImages } from "./labeled-rows.ts";
import { labelList } from "./row-labels.ts";
import { decodeOptions } from "./source.ts";
import { emptySplit, splitFolder } from "./split-folder.ts";

export const jsonlOptionsSchema = z.strictObject({
  /** Folder that holds the splits. */
  root: z.string(),
  /** Folder below it that is read; the root itself when absent. */
  split: z.string().optional(),
  ...rowOptions,
  ...decodeOptions,
});

/** One line of an annotations file. */
export interface AnnotationRow {
  /** Full path of the image. */
  readonly image: string;
  readonly prefix: string;
  /** The label; empty means none. */
  readonly suffix: string;
  /** The labels, where the row gives a list. */
  readonly labels?: readonly string[];
  readonly metadata?: SampleMetadata;
  /** Where it is written: file and line. */
  readonly where: string;
}

/**
 * Images listed in JSON lines: every `*.jsonl` below the split's folder, with rows
 * `{"image": "CLASS/FILE", "prefix": ..., "suffix": LABEL, "metadata": ...}`; `label` or `labels` may stand for `suffix`, and a
 * list in place of one label. Image paths are relative to their
 * annotations file (or to the split's folder), or absolute. Rows without a label are left out, as are labels unknown to
 * `classToIdx` and image files that no row names; `leftOut` lists them.
 * @throws VisionError if the root or split is missing or empty, a line is not JSON or lacks a field (file and line are
 * named), or an image does not exist.
 */
export class JsonlDataset extends ImageDataset {
  constructor(options: z.input<typeof jsonlOptionsSchema>) {
    const { root, split, classToIdx, onMissing, task, ...decode } = parseOptions(
      "JsonlDataset",
      jsonlOptionsSchema,
      options,
    );
    const folder = splitFolder(root, split);
    const files = filesBelow(folder, (name) => name.endsWith(".jsonl"));
    if (files.length === 0) {
      throw emptySplit(
        folder,
        "there is no *.jsonl file in it",
        "add annotations.jsonl, or read the folder as an ImageFolder",
      );
    }
    const all = files
      .flatMap((file) => readAnnotations(file, folder))
      .map(({ image, suffix, labels, where, metadata }) => ({ path: image, label: suffix, labels, where, metadata }));
    const { kept, classes, leftOut } = selectRows(all, { classToIdx, onMissing, task });
    if (kept.length === 0) {
      throw emptySplit(
        folder,
        `none of its ${plural(all.length, "row")} has a usable label`,
        "check the 'suffix' fields",
      );
    }
    const samples = labeledSamples(kept, classes);
    super({
      ...samples,
      name: split ?? folder,
      source: { kind: "files", paths: samples.paths, decode },
      metadata: kept.map(({ metadata }) => metadata),
      leftOut: [...leftOut, ...unnamedImages(folder, all)],
    });
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
    let image = pathFrom(dirname(file), row.image);
    if (dirname(file) !== splitRoot && !existsSync(image)) {
      const fromSplit = pathFrom(splitRoot, row.image);
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
    throw annotationError("annotations line: expected an object", where);
  }
  const { image, prefix, label, labels, suffix = label ?? labels, metadata } = row as Record<string, unknown>;
  if (typeof image !== "string" || image === "") throw annotationError("field 'image': expected a path", where);
  const list = Array.isArray(suffix) ? labelList(suffix) : undefined;
  if (list === undefined && suffix != null && typeof suffix !== "string" && typeof suffix !== "number") {
    throw annotationError("field 'suffix': expected the label, a string, or a list of labels", where);
  }
  return {
    image,
    prefix: typeof prefix === "string" ? prefix : "",
    suffix: list?.join(", ") ?? (suffix == null ? "" : String(suffix).trim()),
    ...(list !== undefined && { labels: list }),
    ...(typeof metadata === "object" && metadata !== null && { metadata: metadata as SampleMetadata }),
  };
}

function annotationError(what: string, where: string, cause?: unknown): VisionError {
  const fix = 'each line reads {"image": "CLASS/FILE", "prefix": "...", "suffix": "LABEL"}';
  return new VisionError({ code: "vision/annotations", what, where, fix, cause });
}
