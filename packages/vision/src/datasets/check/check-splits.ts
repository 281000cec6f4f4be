import { hashDataset } from "../content/content-hashes.ts";
import type { ImageHashes } from "../content/image-hashes.ts";
import type { ImageDataset } from "../dataset.ts";
import { type DuplicateGroup, findDuplicates } from "./duplicates.ts";
import { type ListedImage, listedImages } from "./inventory.ts";

export interface SplitToCheck {
  readonly name: string;
  readonly dataset: ImageDataset;
}

/** What is wrong with the images of a training, as far as its own samples tell. */
export interface SplitsCheck {
  /** The images with the fewest and the most pixels; undefined where none can be read. */
  readonly smallest: ImageSize | undefined;
  readonly largest: ImageSize | undefined;
  readonly unreadable: readonly { readonly image: ListedImage; readonly why: string }[];
  /** Equal or nearly equal images under different labels. */
  readonly contradictions: readonly DuplicateGroup[];
  /** Equal or nearly equal images in more than one split. */
  readonly leaks: readonly DuplicateGroup[];
}

type ImageSize = Pick<ImageHashes, "width" | "height">;

export interface CheckSplitsOptions {
  /** The data path: what is known of its images is kept in the user's cache. */
  readonly root: string;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface HashedSplits {
  /** All of them, split by split. */
  readonly images: ListedImage[];
  /** Of those that can be read. */
  readonly hashes: Map<ListedImage, ImageHashes>;
  readonly unreadable: { readonly image: ListedImage; readonly why: string }[];
}

/** The hashes of the images of some splits, and which of them cannot be read. */
export async function hashSplits(
  splits: readonly SplitToCheck[],
  { root, onProgress, signal }: CheckSplitsOptions,
): Promise<HashedSplits> {
  const total = splits.reduce((sum, { dataset }) => sum + dataset.length, 0);
  const images: ListedImage[] = [];
  const hashes = new Map<ListedImage, ImageHashes>();
  const unreadable: { image: ListedImage; why: string }[] = [];
  let before = 0;
  for (const { name, dataset } of splits) {
    const start = before;
    const progress = (done: number) => onProgress?.(start + done, total);
    const { known } = await hashDataset(dataset, { root, decode: true, onProgress: progress, signal });
    for (const [i, image] of listedImages(name, dataset).entries()) {
      images.push(image);
      const made = known[i]?.image;
      if (typeof made === "object") hashes.set(image, made);
      else unreadable.push({ image, why: made ?? "it cannot be read" });
    }
    before += dataset.length;
  }
  return { images, hashes, unreadable };
}

/** Looks at every image of some splits: sizes, unreadable files, contradictory labels, duplicates across splits. */
export async function checkSplits(splits: readonly SplitToCheck[], options: CheckSplitsOptions): Promise<SplitsCheck> {
  const { hashes, unreadable } = await hashSplits(splits, options);
  const { exactDuplicates, nearDuplicates, contradictions } = findDuplicates(
    [...hashes.keys()],
    (image) => hashes.get(image) as ImageHashes,
  );
  const sizes = [...hashes.values()].sort((a, b) => a.width * a.height - b.width * b.height);
  return {
    smallest: sizes[0],
    largest: sizes.at(-1),
    unreadable,
    contradictions,
    leaks: [...exactDuplicates, ...nearDuplicates].filter(({ acrossSplits }) => acrossSplits),
  };
}
