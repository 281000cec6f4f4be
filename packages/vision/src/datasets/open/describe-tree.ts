import { countExtensions } from "@classifier-training/image/files";
import type { FileTree } from "./file-tree.ts";

/** Lines at most. */
const limit = 8;

/** What a folder holds, a line for each of its folders, as an error shows it. */
export function describeTree(tree: FileTree): string {
  const folders = tree.folders();
  const width = Math.max(...folders.slice(0, limit).map((name) => name.length), 0) + 3;
  const lines = folders
    .slice(0, limit)
    .map((name) => `${`${name}/`.padEnd(width)}${countExtensions(tree.folder(name).files()) || "empty"}`);
  if (folders.length > limit) lines.push(`... and ${folders.length - limit} more folders`);
  const files = tree.filesIn();
  if (files.length > 0) lines.push(`files: ${countExtensions(files)}`);
  return indented(`${tree.root}/`, lines.length === 0 ? ["empty"] : lines);
}

/** The simplest layout, as an error shows it. */
export const expectedTree = indented("expected one folder of images for each class:", [
  "cat/  1.jpg 2.jpg",
  "dog/  1.jpg 2.jpg",
]);

function indented(title: string, lines: readonly string[]): string {
  return [title, ...lines.map((line) => `    ${line}`)].join("\n");
}
