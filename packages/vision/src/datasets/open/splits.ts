import { extname } from "node:path";
import { type Split, splitOf, splits } from "@classifier-training/base";
import { isImageName } from "@classifier-training/image/files";
import { VisionError } from "../../errors.ts";
import { ImageDataset } from "../dataset.ts";
import { isListingName, type Listing, listsImages, readListing, type SplitRow } from "../listing.ts";
import { annotatedImages, some } from "./annotated.ts";
import { isArchiveName, openArchives } from "./archives.ts";
import { findColumns } from "./columns.ts";
import { type FileTree, nameOf } from "./file-tree.ts";
import { isMetadata } from "./layout.ts";
import { type ListedRows, rowsOf } from "./listed-rows.ts";
import { holdsClasses, openFolder, severalListings } from "./open-folder.ts";
import type { OpenOptions, SplitOptions } from "./options.ts";

/** A part of the data that has a name, such as a split. */
export interface Part {
  /** As its folder or the listing names it. */
  readonly name: string;
  readonly split: Split | undefined;
  open(options: SplitOptions): Promise<ImageDataset>;
}

/** What was found at a data path. */
export interface Recognized {
  /** In words: `class folders`. */
  readonly kind: string;
  readonly parts: readonly Part[];
  /** What a user should know of it. */
  readonly remarks: readonly string[];
  /** Undefined without edits. */
  readonly edited?: EditedSplits | undefined;
}

/** What edits say of the splits of data. */
export interface EditedSplits {
  /** The splits of images that an edit assigned to one, by path. */
  readonly assigned: ReadonlyMap<string, Split>;
  /** Splits that the data itself has images in. */
  readonly own: readonly Split[];
}

/** Folders that programs write into where they are started: they are never classes of the data beside them. */
const runFolders = new Set(["outputs", "multirun", "lightning_logs", "mlruns", "wandb", "node_modules"]);

/**
 * Finds the splits of a folder or an archive: split folders; listings and archives named after splits; the rows of a listing
 * with a split column; or all in one.
 */
export async function recognizeTree(whole: FileTree, options: OpenOptions): Promise<Recognized> {
  const tree = whole.without(whole.isArchive ? [] : whole.folders().filter((name) => isRunFolder(whole, name)));
  const folders = tree.folders();
  const [only = ""] = folders;
  if (folders.length === 1 && splitOf(only) === undefined && isWrapper(tree, only)) {
    const inner = await recognizeTree(tree.folder(only), options);
    return { ...inner, kind: `${inner.kind} in ${only}` };
  }
  const named = splitFolders(tree, folders, options) ?? (await splitFiles(tree, options));
  if (named === undefined) {
    return recognizeWhole(tree, options);
  }
  requireDistinct(named.parts, tree.root);
  return named;
}

/** Split folders whose images have labels. Without `train` among them, the class folders beside them are it. */
function splitFolders(tree: FileTree, folders: readonly string[], options: OpenOptions): Recognized | undefined {
  const candidates = folders.filter((name) => splitOf(name) !== undefined);
  const labeled = candidates.filter((name) => isLabeled(tree.folder(name)));
  if (labeled.length === 0) return undefined;
  const within = { root: tree, unread: tree.filesIn().filter(isListingName) };
  const parts = labeled.map((name): Part => {
    const folder = tree.folder(name);
    return {
      name,
      split: splitOf(name),
      open: (chosen) => openFolder(folder, { ...options, ...chosen, name, within }),
    };
  });
  const others = folders.filter((name) => splitOf(name) === undefined && holdsImages(tree.folder(name)));
  const hasTrain = parts.some(({ split }) => split === "train");
  if (!hasTrain && others.length > 0) {
    parts.unshift(wholeTree(tree.without(candidates), options));
  }
  const remarks = candidates
    .filter((name) => !labeled.includes(name))
    .map((name) => `not read: ${name}, whose images have no labels`);
  return { kind: `split folders ${namesOf(parts)}`, parts: inOrder(parts), remarks };
}

/** Listings or archives that are named after their split: `train.csv`, `train-00000-of-00002.parquet`, `val-0001.tar`. */
async function splitFiles(tree: FileTree, options: OpenOptions): Promise<Recognized | undefined> {
  const groups = new Map<string, string[]>();
  const isArchives = !holdsClasses(tree) && !tree.filesIn().some(isListing);
  for (const path of tree.filesIn().filter(isArchives ? isArchiveName : isListing)) {
    const name = splitInName(path);
    if (name !== undefined) groups.set(name, [...(groups.get(name) ?? []), path]);
  }
  if (![...groups.keys()].some((name) => splitOf(name) === "train")) return undefined;
  const parts: Part[] = [];
  const remarks: string[] = [];
  for (const [name, paths] of groups) {
    const split = splitOf(name);
    if (isArchives) {
      const open = async (chosen: SplitOptions) =>
        openFolder(await openArchives(tree.root, paths), { ...options, ...chosen, name });
      parts.push({ name, split, open });
      continue;
    }
    const listings: Listing[] = [];
    for (const path of paths) listings.push(await readListing(tree, path));
    if (listings.every((listing) => listsImages(listing, options))) {
      const listed = rowsOf(tree, listings, options);
      parts.push({
        name,
        split,
        open: async (chosen) => openRows(listed, listed.rows, paths[0] as string, name, options, chosen),
      });
    } else remarks.push(`not read: ${some(tree, paths)}, without columns of images and labels`);
  }
  if (!parts.some(({ split }) => split === "train")) return undefined;
  return { kind: `${isArchives ? "archives" : "lists"} ${namesOf(parts)}`, parts: inOrder(parts), remarks };
}

/** A tree without parts that are named after splits. */
async function recognizeWhole(tree: FileTree, options: OpenOptions): Promise<Recognized> {
  if (tree.files().some(isMetadata)) {
    return { kind: "metadata files", parts: [wholeTree(tree, options)], remarks: [] };
  }
  const isFolders = holdsClasses(tree);
  const candidates = tree.filesIn().filter(isListing);
  const usable: Listing[] = [];
  for (const file of candidates) {
    const listing = await readListing(tree, file).catch((error: unknown) => {
      if (isFolders && VisionError.is(error)) return undefined;
      throw error;
    });
    if (listing !== undefined && listsImages(listing, options) && (!isFolders || namesImages(tree, listing, options)))
      usable.push(listing);
  }
  const unread = candidates.filter((file) => !usable.some((listing) => listing.file === file));
  if (usable.length > 0) {
    if (usable.length > 1 && !usable.every(({ file }) => /\.parquet$/i.test(file)))
      throw severalListings(
        tree,
        usable.map(({ file }) => file),
      );
    const found = recognizeListings(tree, usable, options, true);
    return unread.length === 0 ? found : { ...found, remarks: [...found.remarks, `not read: ${some(tree, unread)}`] };
  }
  const [only] = candidates;
  // It says which columns are missing.
  if (only !== undefined && (!isFolders || tree.folders().length < 2))
    return recognizeListings(tree, [await readListing(tree, only)], options);
  const archives = isFolders || tree.isArchive ? [] : tree.filesIn().filter(isArchiveName);
  if (archives.length > 0) {
    const inner = await recognizeTree(await openArchives(tree.root, archives), options);
    return { ...inner, kind: `${inner.kind} in ${archives.length === 1 ? nameOf(archives[0] as string) : "archives"}` };
  }
  return { kind: kindOf(tree, isFolders), parts: [wholeTree(tree, options)], remarks: [] };
}

function kindOf(tree: FileTree, isFolders: boolean): string {
  if (tree.files().some((path) => path.endsWith(".jsonl"))) return "annotations";
  return isFolders && !tree.files().some((path) => path.endsWith(".cls"))
    ? "class folders"
    : "labels beside the images";
}

function inOrder(parts: readonly Part[]): Part[] {
  const rank = ({ split }: Part) => (split === undefined ? splits.length : splits.indexOf(split));
  return [...parts].sort((a, b) => rank(a) - rank(b));
}

function namesOf(parts: readonly Part[]): string {
  return inOrder(parts)
    .map(({ name }) => name)
    .join(", ");
}

/** Splits that the rows of listings name, or else the folders of their images; without either, all rows are one. */
export function recognizeListings(
  tree: FileTree,
  listings: readonly Listing[],
  options: OpenOptions,
  countUnnamed = false,
): Recognized {
  const listed = rowsOf(tree, listings, options);
  const { rows, images } = listed;
  const file = listings[0]?.file ?? tree.root;
  const byColumn = rows.some(({ split }) => split !== "");
  const folderOf = ({ path }: SplitRow) => images.relative(path).split("/")[0] as string;
  const byFolder = !byColumn && rows.length > 0 && rows.every((row) => splitOf(folderOf(row)) !== undefined);
  const groups = new Map<string, SplitRow[]>();
  for (const row of rows) {
    const name = byColumn ? row.split : byFolder ? folderOf(row) : "train";
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [row]);
    else group.push(row);
  }
  const without = groups.get("")?.length ?? 0;
  groups.delete("");
  if (rows.length === 0) groups.set("train", []);
  const isAll = countUnnamed && groups.size === 1;
  const parts = [...groups].map(
    ([name, own]): Part => ({
      name,
      split: splitOf(name),
      open: async (chosen) => openRows(listed, own, file, name, options, chosen, isAll),
    }),
  );
  requireDistinct(parts, file);
  const remarks = without === 0 ? [] : [`${without} rows without a split are not read: ${file}`];
  return { kind: `list ${nameOf(file)}`, parts, remarks };
}

function openRows(
  { images, isEmbedded }: ListedRows,
  rows: readonly SplitRow[],
  from: string,
  name: string,
  options: OpenOptions,
  chosen: SplitOptions,
  countUnnamed = false,
): ImageDataset {
  const how = { ...options, ...chosen, name, from, countUnnamed: countUnnamed && !isEmbedded };
  return new ImageDataset(annotatedImages(images, rows, how));
}

function wholeTree(tree: FileTree, options: OpenOptions): Part {
  return {
    name: "train",
    split: "train",
    open: (chosen) => openFolder(tree, { ...options, ...chosen, name: "train" }),
  };
}

/** @throws VisionError where two parts are the same split */
function requireDistinct(parts: readonly Part[], where: string): void {
  for (const [i, { name, split }] of parts.entries()) {
    const other = parts.slice(0, i).find((part) => split !== undefined && part.split === split);
    if (other === undefined) continue;
    throw new VisionError({
      code: "vision/two-splits",
      what: `'${other.name}' and '${name}' both are the ${split} split`,
      where,
      fix: "keep one of them, or rename the other to a name that is not a split's",
    });
  }
}

const isListing = (path: string) => isListingName(path) && !isMetadata(path);

/** The split that a file's name has among its words. */
function splitInName(path: string): string | undefined {
  return nameOf(path)
    .split(/[-_.\s]/)
    .find((word) => splitOf(word) !== undefined);
}

/** Whether there is something in a split's folder that says what its images show. */
function isLabeled(tree: FileTree): boolean {
  return tree.folders().length > 0 || tree.filesIn().some((path) => isListingName(path) || isArchiveName(path));
}

function holdsImages(tree: FileTree): boolean {
  return tree.files().some((path) => isImageName(nameOf(path)));
}

/** Whether all data is in the only folder of a tree: one that holds more than the images of a class. */
function isWrapper(tree: FileTree, only: string): boolean {
  const isData = (path: string) => isImageName(nameOf(path)) || isListingName(path) || isArchiveName(path);
  if (tree.filesIn().some(isData)) return false;
  const inner = tree.folder(only);
  const folders = inner.folders();
  return (
    folders.length > 1 ||
    folders.some((name) => splitOf(name) !== undefined || isWrapper(inner, name)) ||
    inner.filesIn().some((path) => isListingName(path) || isArchiveName(path))
  );
}

/** Whether a folder is that of runs, or of checkpoints, which lie in it or in its folders, and holds no images. */
function isRunFolder(tree: FileTree, name: string): boolean {
  const folder = tree.folder(name);
  const files = folder.filesIn();
  if (files.some((path) => isImageName(nameOf(path)))) return false;
  const holdsCheckpoints = (paths: readonly string[]) => paths.some((path) => /\.(ckpt|pth?|safetensors)$/i.test(path));
  return (
    runFolders.has(name) ||
    holdsCheckpoints(files) ||
    folder.folders().some((inner) => holdsCheckpoints(folder.folder(inner).filesIn()))
  );
}

/** Whether the first of a listing's rows names an image that is there, by its path or by its name alone. */
function namesImages(tree: FileTree, { file, rows, columns }: Listing, options: OpenOptions): boolean {
  const { image = "" } = findColumns(columns, options);
  const name = rows[0]?.values[image];
  if (typeof name !== "string" || name === "") return false;
  if ([file, undefined].some((from) => tree.exists(tree.resolve(name, from)))) return true;
  return tree
    .files()
    .some((path) => isImageName(nameOf(path)) && [name, `${name}${extname(path)}`].includes(nameOf(path)));
}
