import { comparePython } from "@classifier-training/base";
import { type ImageHashes, nearGroups } from "../content/image-hashes.ts";
import type { ListedImage } from "./inventory.ts";

/** Images that show the same. */
export interface DuplicateGroup {
  readonly images: readonly ListedImage[];
  readonly acrossSplits: boolean;
  readonly labels: readonly string[];
}

export interface Duplicates {
  /** Files with equal pixels. */
  readonly exactDuplicates: readonly DuplicateGroup[];
  /** Files that look nearly the same; groups of equal files count once. */
  readonly nearDuplicates: readonly DuplicateGroup[];
  /** Equal or nearly equal files under different labels. */
  readonly contradictions: readonly DuplicateGroup[];
}

/** Groups of images that show the same. @param hashesOf of each of the images */
export function findDuplicates(
  images: readonly ListedImage[],
  hashesOf: (image: ListedImage) => ImageHashes,
): Duplicates {
  const exact = groupBy(images, (image) => hashesOf(image).pixels);
  const firsts = [...exact.values()].map(([first]) => first as ListedImage);
  const near = nearGroups(firsts.map(hashesOf)).map((members) => members.map((i) => firsts[i] as ListedImage));
  const widened = near.map((members) => members.flatMap((image) => exact.get(hashesOf(image).pixels) as ListedImage[]));
  const exactDuplicates = [...exact.values()].filter(({ length }) => length > 1).map(groupOf);
  const inNear = new Set(widened.flat());
  const all = [
    ...widened.map(groupOf),
    ...exactDuplicates.filter(({ images: [first] }) => !inNear.has(first as ListedImage)),
  ];
  return {
    exactDuplicates,
    nearDuplicates: near.map(groupOf),
    contradictions: all.filter(({ labels }) => labels.length > 1),
  };
}

function groupBy(images: readonly ListedImage[], keyOf: (image: ListedImage) => string): Map<string, ListedImage[]> {
  const groups = new Map<string, ListedImage[]>();
  for (const image of images) {
    const group = groups.get(keyOf(image));
    if (group) group.push(image);
    else groups.set(keyOf(image), [image]);
  }
  return groups;
}

function groupOf(images: readonly ListedImage[]): DuplicateGroup {
  const labels = [...new Set(images.map(({ label }) => label).filter((label) => label !== ""))].sort(comparePython);
  return { images, acrossSplits: new Set(images.map(({ split }) => split)).size > 1, labels };
}
