import { createHash } from "node:crypto";
import { basename } from "node:path";
import { type ImageDataset, storedStart } from "@classifier-training/vision";

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
      const { size, start } = storedStart(source, i, 16_384);
      hash.update(`${size}\n`).update(start);
    } catch {
      // Whoever decodes it says what is wrong with it.
      hash.update("unreadable\n");
    }
  }
  return hash.digest("hex").slice(0, 16);
}
