import { existsSync, statSync } from "node:fs";
import { text } from "node:stream/consumers";
import { CtError } from "@classifier-training/base";
import { filesBelow, isImageName } from "@classifier-training/vision/preprocessing";
import { globSync } from "tinyglobby";

/** Formats that are decoded though torchvision's datasets leave them out. */
const alsoImages = /\.(gif|avif)$/i;

/**
 * Paths of pictures from what a user gives: files, folders (searched through), glob patterns, and `-` for one path a
 * line on standard input. @throws CtError for one that names nothing
 */
export async function expandImages(patterns: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const pattern of patterns) {
    const found =
      pattern === "-" ? (await text(process.stdin)).split("\n").filter((line) => line.trim() !== "") : expand(pattern);
    if (found.length === 0) {
      throw new CtError({
        code: "predict/images",
        what: "no picture is there",
        where: pattern,
        fix: "give a file, a folder with pictures, or a pattern in quotes",
      });
    }
    paths.push(...found);
  }
  return paths;
}

function expand(pattern: string): string[] {
  if (existsSync(pattern)) {
    if (!statSync(pattern).isDirectory()) return [pattern];
    return filesBelow(pattern, (name) => isImageName(name) || alsoImages.test(name));
  }
  return globSync(pattern, { onlyFiles: true }).sort();
}
