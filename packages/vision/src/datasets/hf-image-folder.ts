import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { parseCsv, parseOptions } from "@classifier-training/base";
import { filesBelow, pathFrom } from "@classifier-training/image/files";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import type { ImageDataset } from "./dataset.ts";
import { ImageFolder } from "./image-folder.ts";
import { rowOptions } from "./labeled-rows.ts";
import { cells, type ListingRow, listingDataset, listingOptionsSchema } from "./listing.ts";
import { decodeOptions } from "./source.ts";
import { splitFolder } from "./split-folder.ts";

export const hfImageFolderOptionsSchema = z.strictObject({
  root: z.string(),
  split: z.string().optional(),
  labelColumn: z.string().default("label"),
  ...rowOptions,
  ...decodeOptions,
});

/**
 * The Hugging Face image-folder layout: `metadata.jsonl` or `metadata.csv` with `file_name` and a label column, or,
 * without metadata, one folder per class.
 */
export function openHfImageFolder(options: z.input<typeof hfImageFolderOptionsSchema>): ImageDataset {
  const { root, split, labelColumn, classToIdx, onMissing, task, ...decode } = parseOptions(
    "openHfImageFolder",
    hfImageFolderOptionsSchema,
    options,
  );
  const folder = splitFolder(root, split);
  const files = filesBelow(folder, isMetadataName);
  if (files.length === 0) return new ImageFolder({ root, split, classToIdx, task, ...decode });
  const rows = files.flatMap((file) => metadataRows(file, folder));
  const [file] = files as [string];
  const listing = parseOptions("openHfImageFolder", listingOptionsSchema, {
    file,
    imageRoot: "",
    imageColumn: "file_name",
    labelColumn,
    classToIdx,
    onMissing,
    task,
    ...decode,
  });
  return listingDataset(rows, { ...listing, split }, folder);
}

export function isMetadataName(name: string): boolean {
  return name === "metadata.jsonl" || name === "metadata.csv";
}

/** Rows with whole paths: `file_name` is relative to the metadata file (or to the split's folder), or absolute. */
function metadataRows(file: string, folder: string): ListingRow[] {
  const text = readFileSync(file, "utf8");
  const rows = file.endsWith(".csv") ? parseCsv(text, file) : jsonRows(text, file);
  return rows.map(({ values, where }) => {
    const name = values["file_name"];
    if (!name) throw new VisionError({ code: "vision/annotations", what: "the row has no 'file_name'", where });
    const beside = pathFrom(dirname(file), name);
    const fromSplit = pathFrom(folder, name);
    return {
      where,
      values: { ...values, file_name: existsSync(beside) || !existsSync(fromSplit) ? beside : fromSplit },
    };
  });
}

function jsonRows(text: string, file: string): ListingRow[] {
  return text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .flatMap((line, i) => {
      if (line.trim() === "") return [];
      const where = `${file}:${i + 1}`;
      try {
        return [{ where, values: cells(JSON.parse(line) as Record<string, unknown>) }];
      } catch (error) {
        throw new VisionError({
          code: "vision/annotations",
          what: `the metadata line is not JSON: ${String(error)}`,
          where,
          cause: error,
        });
      }
    });
}
