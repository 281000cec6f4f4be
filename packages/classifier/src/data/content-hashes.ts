import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { basename } from "node:path";
import type { ImageDataset } from "@classifier-training/vision";

/** Of file names and labels, in order. */
export function hashOfNames(dataset: ImageDataset): string {
  const hash = createHash("sha256");
  for (const [i, path] of dataset.paths.entries()) hash.update(`${basename(path)}\n${dataset.labelsOf(i).join(" ")}\n`);
  return hash.digest("hex").slice(0, 16);
}

/** Of the sizes and first bytes of up to 64 files: two datasets may have the same names. */
export function hashOfContent({ paths }: ImageDataset): string {
  const hash = createHash("sha256");
  const step = Math.max(1, Math.ceil(paths.length / 64));
  const head = Buffer.alloc(16_384);
  for (let i = 0; i < paths.length; i += step) {
    let file: number | undefined;
    try {
      file = openSync(paths[i] as string, "r");
      hash.update(`${fstatSync(file).size}\n`).update(head.subarray(0, readSync(file, head, 0, head.length, 0)));
    } catch {
      // Whoever decodes it says what is wrong with it.
      hash.update("unreadable\n");
    } finally {
      if (file !== undefined) closeSync(file);
    }
  }
  return hash.digest("hex").slice(0, 16);
}
