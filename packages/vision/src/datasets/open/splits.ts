import { type Split, splitOf } from "@classifier-training/base";
import { isImageName } from "@classifier-training/image/files";
import { VisionError } from "../../errors.ts";
import { ImageDataset } from "../dataset.ts";
import { isListingName, type Listing, labeledRows, listsImages, readListing, type SplitRow } from "../listing.ts";
import { annotatedImages, some } from "./annotated.ts";
import { findColumns } from "./columns.ts";
import { type FileTree, nameOf } from "./file-tree.ts";
import { isMetadata } from "./layout.ts";
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
}

/** Folders that training writes into where it is started: they are never classes of the data beside them. */
const runFolders = new Set(["outputs", "multirun", "lightning_logs", "mlruns", "wandb", "node_modules"]);

/** Finds the splits of a folder or an archive: split folders, a listing with a split column, or all in one. */
export async function recognizeTree(tree: FileTree, options: OpenOptions): Promise<Recognized> {
  const folders = tree.folders().filter((name) => !isRunFolder(tree, name));
  const splitFolders = folders.filter((name) => splitOf(name) !== undefined);
  const others = folders.filter((name) => splitOf(name) === undefined);
  const labeled = splitFolders.filter((name) => isLabeled(tree.folder(name)));
  const remarks = splitFolders
    .filter((name) => labeled.length > 0 && !labeled.includes(name))
    .map((name) => `not read: ${name}, whose images have no labels`);
  const hasTrain = labeled.some((name) => splitOf(name) === "train");
  const classes = hasTrain || labeled.length === 0 ? [] : others.filter((name) => holdsImages(tree.folder(name)));
  if (labeled.length > 0) {
    const unread = tree.filesIn().filter(isListingName);
    const parts = labeled.map((name): Part => {
      const folder = tree.folder(name);
      const within = { root: tree, unread };
      return {
        name,
        split: splitOf(name),
        open: (chosen) => openFolder(folder, { ...options, ...chosen, name, within }),
      };
    });
    if (classes.length > 0)
      parts.unshift(
        wholeTree(
          tree,
          options,
          folders.filter((name) => !classes.includes(name)),
        ),
      );
    requireDistinct(parts, tree.root);
    return { kind: `folders ${parts.map(({ name }) => name).join(", ")}`, parts, remarks };
  }
  return recognizeWhole(
    tree,
    options,
    tree.folders().filter((name) => !folders.includes(name)),
  );
}

/** A tree without split folders. */
async function recognizeWhole(tree: FileTree, options: OpenOptions, without: readonly string[]): Promise<Recognized> {
  const candidates = tree.filesIn().filter((path) => isListingName(path) && !isMetadata(path));
  if (tree.files().some(isMetadata))
    return { kind: "metadata files", parts: [wholeTree(tree, options, without)], remarks: [] };
  const isFolders = holdsClasses(tree);
  const usable: Listing[] = [];
  for (const file of candidates) {
    const listing = await readListing(tree, file).catch((error: unknown) => {
      if (isFolders && VisionError.is(error)) return undefined;
      throw error;
    });
    if (listing === undefined) continue;
    const { image } = findColumns(listing.columns, options);
    if (image !== undefined && listsImages(listing, options) && (!isFolders || namesImages(tree, listing, image)))
      usable.push(listing);
  }
  const [listing] = usable;
  if (listing === undefined) {
    // Whoever opens it says what is missing.
    const [only] = candidates;
    if (!isFolders && only !== undefined) return recognizeListing(tree, await readListing(tree, only), options);
    return { kind: "class folders", parts: [wholeTree(tree, options, without)], remarks: [] };
  }
  if (usable.length > 1)
    throw severalListings(
      tree,
      usable.map(({ file }) => file),
    );
  const unread = candidates.filter((file) => file !== listing.file);
  const found = recognizeListing(tree, listing, options, true);
  return unread.length === 0 ? found : { ...found, remarks: [...found.remarks, `not read: ${some(tree, unread)}`] };
}

/** Splits that the rows of a listing name, or else the folders of their images; without either, all rows are one. */
export function recognizeListing(
  tree: FileTree,
  listing: Listing,
  options: OpenOptions,
  countUnnamed = false,
): Recognized {
  const { file } = listing;
  const rows = labeledRows(tree, listing, options);
  const byColumn = rows.some(({ split }) => split !== "");
  const folderOf = ({ path }: SplitRow) => tree.relative(path).split("/")[0] as string;
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
  const parts = [...groups].map(([name, own]): Part => {
    const isAll = groups.size === 1;
    return {
      name,
      split: splitOf(name),
      open: async (given) => {
        const chosen = { ...options, ...given, name, from: file, countUnnamed: countUnnamed && isAll };
        return new ImageDataset(annotatedImages(tree, own, chosen));
      },
    };
  });
  requireDistinct(parts, file);
  const remarks = without === 0 ? [] : [`${without} rows without a split are not read: ${file}`];
  return { kind: `listing ${nameOf(file)}`, parts, remarks };
}

function wholeTree(tree: FileTree, options: OpenOptions, without: readonly string[]): Part {
  return {
    name: "train",
    split: "train",
    open: (chosen) => openFolder(tree, { ...options, ...chosen, name: "train", without }),
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

/** Whether there is something in a split's folder that says what its images show. */
function isLabeled(tree: FileTree): boolean {
  return tree.folders().length > 0 || tree.filesIn().some(isListingName);
}

function holdsImages(tree: FileTree): boolean {
  return tree.files().some((path) => isImageName(nameOf(path)));
}

function isRunFolder(tree: FileTree, name: string): boolean {
  return (
    runFolders.has(name) &&
    !tree
      .folder(name)
      .filesIn()
      .some((path) => isImageName(nameOf(path)))
  );
}

/** Whether the first of a listing's rows names an image that is there. */
function namesImages(tree: FileTree, { file, rows }: Listing, column: string): boolean {
  const name = rows[0]?.values[column];
  return (
    typeof name === "string" && name !== "" && [file, undefined].some((from) => tree.exists(tree.resolve(name, from)))
  );
}
