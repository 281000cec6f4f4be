import { createHash } from "node:crypto";
import type { Image } from "@classifier-training/image";
import { functional, recycle } from "@classifier-training/image";
import { VisionError } from "../../errors.ts";
import { DisjointSets } from "./disjoint-sets.ts";

/** What is kept of an image for comparing it with others. */
export interface ImageHashes {
  readonly width: number;
  readonly height: number;
  /** Content hash of the decoded pixels: the same image in another file has the same. */
  readonly pixels: string;
  /** 64 bits: whether each of 8x8 patches is brighter than its right neighbor (dHash). */
  readonly bits: readonly [high: number, low: number];
  /** 16x16 gray values. */
  readonly thumbnail: Uint8Array;
}

/** The hashes of an image; a text instead says why it cannot be decoded. */
export async function hashImage(read: () => Promise<Image>): Promise<ImageHashes | string> {
  try {
    const image = await read();
    const gray = functional.toGrayscale(image);
    const patches = functional.resize(gray, 9, 8).data;
    let high = 0;
    let low = 0;
    for (let i = 0; i < 64; i++) {
      const at = (i >> 3) * 9 + (i & 7);
      const bit = (patches[at] as number) > (patches[at + 1] as number) ? 1 : 0;
      if (i < 32) high = (high << 1) | bit;
      else low = (low << 1) | bit;
    }
    const small = functional.resize(gray, 16, 16).data;
    const hash = createHash("sha256").update(`${image.width}x${image.height}\0`).update(image.data);
    const made: ImageHashes = {
      width: image.width,
      height: image.height,
      pixels: hash.digest("hex"),
      bits: [high >>> 0, low >>> 0],
      thumbnail: Uint8Array.from(small),
    };
    for (const buffer of [image.data, gray.data, patches, small]) recycle(buffer);
    return made;
  } catch (error) {
    if (VisionError.is(error)) return error.problem.what;
    throw error;
  }
}

function bitCount(value: number): number {
  let v = value - ((value >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Whether two images show nearly the same: at most 3 of 64 bits and 6 gray levels apart on average. */
function nearlyEqual(a: ImageHashes, b: ImageHashes): boolean {
  if (bitCount(a.bits[0] ^ b.bits[0]) + bitCount(a.bits[1] ^ b.bits[1]) > 3) return false;
  const shape = (f: ImageHashes) => f.width / f.height;
  if (Math.abs(Math.log(shape(a) / shape(b))) > 0.1) return false;
  let difference = 0;
  for (let i = 0; i < a.thumbnail.length; i++) {
    difference += Math.abs((a.thumbnail[i] as number) - (b.thumbnail[i] as number));
  }
  return difference <= 6 * a.thumbnail.length;
}

/**
 * Groups of nearly equal images. Four 16-bit parts index the bits: two images at most 3 bits apart agree in one part.
 */
export function nearGroups(hashes: readonly ImageHashes[]): number[][] {
  const sets = new DisjointSets(hashes.length);
  const buckets = new Map<number, number[]>();
  for (const [i, own] of hashes.entries()) {
    const [high, low] = own.bits;
    for (const [part, value] of [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff].entries()) {
      const key = part * 65536 + value;
      const bucket = buckets.get(key);
      for (const j of bucket ?? []) {
        if (sets.rootOf(i) !== sets.rootOf(j) && nearlyEqual(own, hashes[j] as ImageHashes)) sets.join(i, j);
      }
      if (bucket) bucket.push(i);
      else buckets.set(key, [i]);
    }
  }
  return sets.groups();
}
