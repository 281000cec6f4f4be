import { type Listing, labeledRows, readListing, type SplitRow } from "../listing.ts";
import type { LabeledRow } from "../row-labels.ts";
import { ArchiveTree } from "./archive-tree.ts";
import type { FileTree } from "./file-tree.ts";
import type { OpenOptions } from "./options.ts";

/** The rows of listings, and the tree that their images are in. */
export interface ListedRows<Row extends LabeledRow = SplitRow> {
  readonly images: FileTree;
  readonly rows: readonly Row[];
  /** Whether the images are in the listings themselves. */
  readonly isEmbedded: boolean;
}

/** Reads the rows of listings. @throws VisionError naming file and line of what is wrong */
export async function readRows(tree: FileTree, files: readonly string[], options: OpenOptions): Promise<ListedRows> {
  const listings: Listing[] = [];
  for (const file of files) listings.push(await readListing(tree, file));
  return rowsOf(tree, listings, options);
}

/** The rows of listings that were read. */
export function rowsOf(tree: FileTree, listings: readonly Listing[], options: OpenOptions): ListedRows {
  const archives = listings.flatMap(({ archive }) => archive ?? []);
  const isEmbedded = archives.length > 0;
  return {
    images: isEmbedded ? ArchiveTree.of(tree.root, archives) : tree,
    rows: listings.flatMap((listing) => labeledRows(tree, listing, options)),
    isEmbedded,
  };
}
