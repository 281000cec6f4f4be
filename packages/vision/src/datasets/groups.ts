import { dirname, relative } from "node:path";
import { comparePython, suggestion } from "@classifier-training/base";
import { isFolder } from "@classifier-training/image/files";
import { VisionError } from "../errors.ts";
import type { SampleMetadata } from "./dataset.ts";

/** Images, and what is written about each. */
interface DescribedImages {
  readonly paths: readonly string[];
  readonly metadata: readonly (SampleMetadata | undefined)[];
}

interface GroupPlaces {
  /** The folder or file that the images were opened from; patterns are of the paths below it. */
  readonly root: string;
  /** The option, in errors. */
  readonly where: string;
}

/** A path as it is called within the data: relative to its folder, to that of its list, or as the archive's member. */
export function pathWithin(root: string, path: string): string {
  if (path.startsWith(`${root}!`)) return path.slice(root.length + 1);
  return relative(isFolder(root) ? root : dirname(root), path);
}

/** The value that an image has in a column of its metadata, whose name may begin with `metadata.`; undefined where empty. */
export function metadataValue(metadata: SampleMetadata | undefined, column: string): string | undefined {
  const value = metadata?.[column] ?? metadata?.[column.replace(/^metadata\./, "")];
  return value === undefined || value === null || value === "" ? undefined : String(value);
}

/** The columns of the metadata, sorted. */
export function metadataColumns(metadata: DescribedImages["metadata"]): string[] {
  return [...new Set(metadata.slice(0, 1000).flatMap((row) => Object.keys(row ?? {})))].sort(comparePython);
}

/**
 * The group of each image; undefined where it has none.
 * @param group a column of the metadata, or a regular expression whose first group is a part of the path
 * @throws VisionError when no image has one
 */
export function groupsOf(
  { paths, metadata }: DescribedImages,
  group: string,
  { root, where }: GroupPlaces,
): (string | undefined)[] {
  const pattern = /[()]/.test(group) ? patternOf(group, where) : undefined;
  const found =
    pattern === undefined
      ? metadata.map((row) => metadataValue(row, group))
      : paths.map((path) => pattern.exec(pathWithin(root, path))?.[1]);
  if (found.some((value) => value !== undefined)) return found;
  const columns = metadataColumns(metadata);
  const example = pathWithin(root, paths[0] ?? "");
  throw new VisionError({
    code: "vision/group",
    what:
      pattern === undefined
        ? `group: no image has '${group}' in its metadata`
        : `group: no path matches ${group}: expected a part of paths such as ${example}`,
    where,
    fix:
      pattern === undefined && columns.length > 0
        ? suggestion(group, columns)
        : `give a regular expression whose first group is the part of the path that names it: '^(.*)/' is the folder`,
  });
}

function patternOf(group: string, where: string): RegExp {
  try {
    return new RegExp(group, "u");
  } catch (cause) {
    const what = `group: expected a column or a regular expression, received ${group}: ${(cause as Error).message}`;
    throw new VisionError({ code: "vision/group", what, where, cause });
  }
}
