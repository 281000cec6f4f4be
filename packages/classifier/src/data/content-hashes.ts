import { createHash } from "node:crypto";
import { basename } from "node:path";
import { type ImageDataset, storedBytes } from "@classifier-training/vision";

/** Of file names and labels, in order. */
export function hashOfNames(dataset: ImageDataset): string {
  const hash = createHash("sha256");
  for (const [i, path] of dataset.paths.entries()) hash.update(`${basename(path)}\n${dataset.labelsOf(i).join(" ")}\n`);
  return hash.digest("hex").slice(0, 16);
}

/** Of the sizes and first bytes of up to 64 files: two datasets may have the same names. */
export function hashOfContent({ length, source }: ImageDataset): string {
  const hash = createHash("sha256");
  const step = Math.max(1, Math.ceil(length / 64));
  for (let i = 0; i < length; i += step) {
    try {
      const bytes = storedBytes(source, i);
      hash.update(`${bytes.length}\n`).update(bytes.subarray(0, 16_384));
    } catch {
      // Whoever decodes it says what is wrong with it.
      hash.update("unreadable\n");
    }
  }
  return hash.digest("hex").slice(0, 16);
}
