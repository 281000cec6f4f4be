import { existsSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { type CsvRow, parseCsv, parseOptions, plural, suggestion } from "@classifier-training/base";
import { pathFrom } from "@classifier-training/image/files";
import { z } from "zod";
import { VisionError } from "../errors.ts";
import { ImageDataset } from "./dataset.ts";
import { labeledSamples, rowOptions, selectRows, unnamedImages } from "./labeled-rows.ts";
import { indicatorColumns, labelList, markedColumns } from "./row-labels.ts";
import { decodeOptions } from "./source.ts";
import { emptySplit } from "./split-folder.ts";

export const listingOptionsSchema = z.strictObject({
  /** A .csv, .tsv or .parquet file with a row per image. */
  file: z.string(),
  /** What image paths are relative to; the file's own folder by default. */
  imageRoot: z.string().optional(),
  imageColumn: z.string().default("image"),
  labelColumn: z.string().default("label"),
  /** Rows of one split only: a column and the value that it must have. */
  splitColumn: z.string().optional(),
  split: z.string().optional(),
  ...rowOptions,
  ...decodeOptions,
});
type Options = z.output<typeof listingOptionsSchema>;

/** A row of a listing: column values as text, and where it stands. */
export type ListingRow = CsvRow;

/**
 * Makes the dataset of a listing's rows; the formats differ in how rows are read only.
 * @param within a folder whose images the rows should all name
 */
export function listingDataset(rows: readonly ListingRow[], options: Options, within?: string): ImageDataset {
  const { file, imageRoot, imageColumn, splitColumn, split, classToIdx, onMissing, task, ...decode } = options;
  const columns = Object.keys(rows[0]?.values ?? {});
  const { labelColumn, indicators } = labelColumns(rows, options);
  const needed = [imageColumn, splitColumn, ...(indicators.length === 0 ? [labelColumn] : [])];
  for (const column of needed.filter((name) => name !== undefined)) {
    if (rows.length > 0 && !columns.includes(column)) {
      throw new VisionError({
        code: "vision/listing",
        what: `${file} has no column '${column}'`,
        fix: suggestion(column, columns),
      });
    }
  }
  const root = imageRoot ?? dirname(file);
  const all = rows
    .filter(({ values }) => splitColumn === undefined || values[splitColumn] === split)
    .map(({ values, where }) => {
      const text = (values[labelColumn] ?? "").trim();
      const labels = indicators.length > 0 ? markedColumns(values, indicators) : labelList(text);
      return { path: pathFrom(root, values[imageColumn] ?? ""), label: labels?.join(", ") ?? text, labels, where };
    });
  const { kept, classes, leftOut } = selectRows(all, { classToIdx, onMissing, task });
  if (kept.length === 0) {
    throw emptySplit(file, `none of its ${plural(rows.length, "row")} can be used`, "check the columns and the split");
  }
  const samples = labeledSamples(kept, classes);
  return new ImageDataset({
    ...samples,
    name: split ?? file,
    source: { kind: "files", paths: samples.paths, decode },
    leftOut: [...leftOut, ...(within === undefined ? [] : unnamedImages(within, all))],
  });
}

/** The column with the labels, or the columns that mark one class each. */
function labelColumns(rows: readonly ListingRow[], { imageColumn, labelColumn, splitColumn = "split" }: Options) {
  const columns = Object.keys(rows[0]?.values ?? {});
  const column = [labelColumn, "labels"].find((name) => columns.includes(name)) ?? labelColumn;
  if (columns.includes(column)) return { labelColumn: column, indicators: [] };
  const indicators = indicatorColumns(rows, new Set([imageColumn, splitColumn]));
  // A single one is as likely metadata.
  return { labelColumn: column, indicators: indicators.length < 2 ? [] : indicators };
}

/**
 * Images listed in a CSV, TSV or Parquet file, with a path and a label column. Several labels of an image are a list, a
 * text between `|` or `;`, or, without a label column, one column a class with 0 and 1.
 * @throws VisionError naming file and line (or row) of what is wrong.
 */
export async function openListing(options: z.input<typeof listingOptionsSchema>): Promise<ImageDataset> {
  const parsed = parseOptions("openListing", listingOptionsSchema, options);
  if (!existsSync(parsed.file)) {
    throw new VisionError({ code: "vision/data-root-missing", what: `the listing ${parsed.file} does not exist` });
  }
  return listingDataset(await readListing(parsed.file), parsed);
}

/** The values of a row as text; a list as JSON. */
export function cells(row: Readonly<Record<string, unknown>>): Record<string, string> {
  const text = (value: unknown) => (value == null ? "" : Array.isArray(value) ? JSON.stringify(value) : String(value));
  return Object.fromEntries(Object.entries(row).map(([key, value]) => [key, text(value)]));
}

async function readListing(file: string): Promise<ListingRow[]> {
  if (!file.endsWith(".parquet")) return parseCsv(readFileSync(file, "utf8"), file);
  const { parquetReadObjects } = await import("hyparquet");
  const bytes = readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  try {
    const rows = await parquetReadObjects({ file: buffer });
    return rows.map((row, i) => ({
      where: `${file}, row ${i + 1}`,
      values: cells(row),
    }));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new VisionError({
      code: "vision/listing",
      what: `${file} is not a Parquet file that can be read: ${why}`,
      cause: error,
    });
  }
}
