import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { CtError, getLogger, plural } from "@classifier-training/base";
import { countExtensions, filesBelow, isImageName, mayBeImageName } from "@classifier-training/image/files";
import type { ListedImage } from "@classifier-training/vision/data";
import { globSync } from "tinyglobby";

const log = getLogger("classifier.predict");

/**
 * Images from command-line arguments: files, folders (recursive), glob patterns, lists (CSV, TSV, JSON lines, Parquet), and
 * `-` for one path per line of standard input.
 * @throws CtError for an argument without images
 */
export async function expandImages(
  patterns: readonly string[],
  imageColumn?: string | undefined,
): Promise<ListedImage[]> {
  const images: ListedImage[] = [];
  for (const pattern of patterns) {
    const found =
      (await listed(pattern, imageColumn)) ??
      (await pathsOf(pattern)).map((path): ListedImage => ({ path, metadata: undefined }));
    if (found.length === 0) {
      throw new CtError({
        code: "predict/images",
        what: "found no images",
        where: pattern,
        fix: "give a file, a folder with images, or a pattern in quotes",
      });
    }
    images.push(...found);
  }
  return images;
}

/** The images of a list; undefined for another file. What reads lists is loaded only for a file that may be one. */
async function listed(pattern: string, imageColumn: string | undefined): Promise<ListedImage[] | undefined> {
  if (isImageName(pattern) || !existsSync(pattern) || !statSync(pattern).isFile()) return undefined;
  const { isListingName, listedImages } = await import("@classifier-training/vision/data");
  return isListingName(pattern) ? listedImages(pattern, { imageColumn }) : undefined;
}

async function pathsOf(pattern: string): Promise<string[]> {
  if (pattern !== "-") return expand(pattern);
  return (await text(process.stdin)).split("\n").filter((line) => line.trim() !== "");
}

function expand(pattern: string): string[] {
  if (existsSync(pattern)) {
    if (!statSync(pattern).isDirectory()) return [pattern];
    const found = filesBelow(pattern, (name) => isImageName(name) || mayBeImageName(name));
    const images = found.filter((path) => isImageName(basename(path)));
    const others = found.filter((path) => !isImageName(basename(path)));
    if (others.length > 0)
      log.warning(
        `${pattern}: ${plural(others.length, "file")} left out (format not read): ${countExtensions(others)}`,
      );
    return images;
  }
  return globSync(pattern, { onlyFiles: true }).sort();
}
