import { existsSync, statSync } from "node:fs";
import { basename } from "node:path";
import { text } from "node:stream/consumers";
import { CtError, getLogger, plural } from "@classifier-training/base";
import { countExtensions, filesBelow, isImageName, mayBeImageName } from "@classifier-training/image/files";
import { globSync } from "tinyglobby";

const log = getLogger("classifier.predict");

/**
 * Paths of images from command-line arguments: files, folders (recursive), glob patterns, and `-` for one path per line of
 * standard input. @throws CtError for an argument without images
 */
export async function expandImages(patterns: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const pattern of patterns) {
    const found =
      pattern === "-" ? (await text(process.stdin)).split("\n").filter((line) => line.trim() !== "") : expand(pattern);
    if (found.length === 0) {
      throw new CtError({
        code: "predict/images",
        what: "found no images",
        where: pattern,
        fix: "give a file, a folder with images, or a pattern in quotes",
      });
    }
    paths.push(...found);
  }
  return paths;
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
