import { dirname, extname } from "node:path";
import { parseCsv } from "@classifier-training/base";
import { isImageName } from "@classifier-training/image/files";
import { VisionError } from "../errors.ts";
import type { SampleMetadata } from "./dataset.ts";
import type { Archive } from "./open/archive-tree.ts";
import { type ColumnNames, type Columns, findColumns, requireColumns } from "./open/columns.ts";
import { type FileTree, FolderTree, nameOf } from "./open/file-tree.ts";
import type { OpenOptions } from "./open/options.ts";
import { readParquet } from "./open/parquet.ts";
import { cellText, indicatorColumns, type LabeledRow, labelList, markedColumns } from "./row-labels.ts";

/** Values by column, and where they are written (file and line). */
export interface ListingRow {
  readonly values: Readonly<Record<string, unknown>>;
  readonly where: string;
}

/** A row per image, as a file lists them. */
export interface Listing {
  readonly file: string;
  readonly columns: readonly string[];
  readonly rows: readonly ListingRow[];
  /** Images that the file holds itself; the rows name its entries. */
  readonly archive?: Archive;
}

/** A row with a label and the name of its split, empty without a split column. */
export interface SplitRow extends LabeledRow {
  readonly split: string;
}

/** Rows between two reports of progress. */
const progressRows = 1024;

const formats = new Set([".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"]);

/** Whether a file is a listing, as far as its name says. */
export function isListingName(name: string): boolean {
  return formats.has(extname(name).toLowerCase());
}

/** Reads a listing. @throws VisionError naming file and line of what is wrong */
export async function readListing(tree: FileTree, file: string): Promise<Listing> {
  if (extname(file).toLowerCase() !== ".parquet") return readTextListing(tree, file);
  const { rows, ...others } = await readParquet(file, tree.isArchive ? tree.read(file) : undefined);
  return { ...others, file, rows: rows.map((values, i) => ({ where: `${file}, row ${i + 1}`, values })) };
}

/** As `readListing`, for all formats but Parquet. */
export function readTextListing(tree: FileTree, file: string): Listing {
  const text = Buffer.from(tree.read(file)).toString("utf8");
  return /\.(csv|tsv)$/i.test(file) ? csvListing(text, file) : jsonListing(text, file);
}

function csvListing(text: string, file: string): Listing {
  const rows = parseCsv(text, file);
  return { file, columns: Object.keys(rows[0]?.values ?? {}), rows };
}

function jsonListing(text: string, file: string): Listing {
  const rows: ListingRow[] = [];
  const columns = new Set<string>();
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  for (const [i, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const where = `${file}:${i + 1}`;
    const values = parseLine(line, where);
    for (const column in values) columns.add(column);
    rows.push({ values, where });
  }
  return { file, columns: [...columns], rows };
}

function parseLine(line: string, where: string): Readonly<Record<string, unknown>> {
  let row: unknown;
  try {
    row = JSON.parse(line);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw annotationError(`the annotations line is not JSON: ${why}`, where, error);
  }
  if (typeof row === "object" && row !== null && !Array.isArray(row)) return row as Record<string, unknown>;
  throw annotationError("annotations line: expected an object", where);
}

/**
 * The rows of a listing with the paths of their images. A path is relative to the listing's file (or else to the root of
 * the tree), or absolute. Several labels of an image are a list, a text between `|` or `;`, or, without a label column, one
 * column a class with 0 and 1.
 * @throws VisionError naming the columns that are missing, or file and line of a row without an image
 */
export function labeledRows(
  tree: FileTree,
  listing: Listing,
  given: ColumnNames & Pick<OpenOptions, "onRows">,
): SplitRow[] {
  const { file, rows, archive } = listing;
  if (rows.length === 0) return [];
  const columns = listingColumns(listing, given);
  const { image, label, split, indicators } = columns;
  const others = listing.columns.filter((column) => !isRead(columns, column));
  // One string for all rows of a label or a split.
  const shared = new Map<string, string>();
  const share = (text: string) => {
    const known = shared.get(text);
    if (known === undefined) shared.set(text, text);
    return known ?? text;
  };
  const find = archive === undefined ? bareNameFinder(tree, listing, image) : undefined;
  const pathOf = (value: unknown, where: string) =>
    archive === undefined ? (find?.(value) ?? imagePath(tree, value, image, file, where)) : `${archive.name}!${value}`;
  return rows.map(({ values, where }, i) => {
    if (i % progressRows === 0 || i + 1 === rows.length) given.onRows?.(i + 1, rows.length);
    const labels = label === undefined ? markedColumns(values, indicators) : labelList(values[label]);
    return {
      path: pathOf(values[image], where),
      label: share(labels?.join(", ") ?? labelOf(values[label as string], label as string, where)),
      ...(labels !== undefined && { labels }),
      where,
      metadata: metadataOf(values, others),
      split: split === undefined ? "" : share(cellText(values[split])),
    };
  });
}

/** An image that a list names, whether it has a label or not. */
export interface ListedImage {
  readonly path: string;
  /** All other columns. */
  readonly metadata: SampleMetadata | undefined;
}

/** The images of a list in their order. @throws VisionError for a list without a column of images, or that holds them itself */
export async function listedImages(file: string, given: ColumnNames = {}): Promise<ListedImage[]> {
  const tree = new FolderTree(dirname(file));
  const listing = await readListing(tree, file);
  const { image } = findColumns(listing.columns, given);
  if (image === undefined || listing.archive !== undefined) {
    throw new VisionError({
      code: "vision/listing",
      what:
        image === undefined
          ? `expected a list with a column of images, received the columns ${listing.columns.join(", ") || "of an empty file"}`
          : "expected a list that names image files, received one that holds the images itself",
      where: file,
      fix: image === undefined ? "name the column with --image-column" : "write the images into files",
    });
  }
  const others = listing.columns.filter((column) => column !== image);
  const find = bareNameFinder(tree, listing, image);
  return listing.rows.map(({ values, where }) => ({
    path: find?.(values[image]) ?? imagePath(tree, values[image], image, file, where),
    metadata: metadataOf(values, others),
  }));
}

/** The columns of a listing that are read; `indicators` mark one class each, without a label column. */
interface ListingColumns extends Omit<Columns, "label"> {
  readonly label: string | undefined;
  readonly indicators: readonly string[];
}

function listingColumns({ file, columns, rows }: Listing, given: ColumnNames): ListingColumns {
  const { image, label, split } = findColumns(columns, given);
  if (image !== undefined && label === undefined && given.labelColumn === undefined) {
    const others = columns.filter((column) => column !== image && column !== split);
    const indicators = indicatorColumns(rows, others);
    // A single one is as likely metadata.
    if (indicators.length > 1) return { image, label, split, indicators };
  }
  return { ...requireColumns(columns, given, file), indicators: [] };
}

/** Whether a listing's columns are those of labeled images. */
export function listsImages(listing: Listing, given: ColumnNames): boolean {
  try {
    listingColumns(listing, given);
    return true;
  } catch (error) {
    if (VisionError.is(error)) return false;
    throw error;
  }
}

/** `prefix` and `suffix` are the question and the answer of a vision language model's data; the answer is the label. */
function isRead({ image, label, split, indicators }: ListingColumns, column: string): boolean {
  return [image, label, split, "prefix"].includes(column) || indicators.includes(column);
}

function imagePath(tree: FileTree, value: unknown, column: string, file: string, where: string): string {
  if (typeof value !== "string" || value === "") throw annotationError(`field '${column}': expected a path`, where);
  const path = tree.resolve(value, file);
  if (tree.exists(path)) return path;
  const fromRoot = tree.resolve(value);
  return tree.exists(fromRoot) ? fromRoot : path;
}

/**
 * Finds images by their name alone, with or without an extension, where all rows name files without a folder, and the
 * first of them are not beside the listing: lists often lie beside the folder of their images.
 */
function bareNameFinder(
  tree: FileTree,
  { file, rows }: Listing,
  column: string,
): ((value: unknown) => string | undefined) | undefined {
  const names = rows.map(({ values }) => cellText(values[column]));
  const isBeside = (name: string) => tree.exists(tree.resolve(name, file)) || tree.exists(tree.resolve(name));
  if (names.some((name) => /[\\/]/.test(name)) || names.slice(0, 3).some(isBeside)) return undefined;
  const byName = new Map<string, string | undefined>();
  for (const path of tree.files()) {
    const name = nameOf(path);
    if (!isImageName(name)) continue;
    // A name that two files have is that of neither.
    for (const key of [name, name.slice(0, name.lastIndexOf("."))]) byName.set(key, byName.has(key) ? undefined : path);
  }
  return (value) => byName.get(cellText(value));
}

function labelOf(value: unknown, column: string, where: string): string {
  if (value == null || ["string", "number", "bigint", "boolean"].includes(typeof value)) return cellText(value);
  throw annotationError(`field '${column}': expected the label, a string, or a list of labels`, where);
}

/** The other columns, and what a field `metadata` holds. */
function metadataOf(values: ListingRow["values"], columns: readonly string[]): SampleMetadata | undefined {
  let metadata: Record<string, unknown> | undefined;
  for (const column of columns) {
    const value = values[column];
    if (value === undefined) continue;
    metadata ??= {};
    if (column === "metadata" && typeof value === "object" && value !== null) Object.assign(metadata, value);
    else metadata[column] = value;
  }
  return metadata;
}

function annotationError(what: string, where: string, cause?: unknown): VisionError {
  const fix = 'each line reads {"image": "CLASS/FILE", "label": "LABEL"}';
  return new VisionError({ code: "vision/annotations", what, where, fix, cause });
}
