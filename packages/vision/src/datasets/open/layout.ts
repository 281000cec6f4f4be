import { VisionError } from "../../errors.ts";
import { type FileTree, FolderTree, nameOf } from "./file-tree.ts";

/** Names of Hugging Face's annotation files of image folders. */
const metadataNames = ["metadata.csv", "metadata.jsonl", "metadata.parquet"] as const;

/** How the images of a split are labeled: one folder a class, `*.jsonl` annotations, Hugging Face's metadata files. */
export type SplitLayout = "folders" | "jsonl" | (typeof metadataNames)[number];

/** How the images of a split's folder are labeled. @throws VisionError when annotation files are of two kinds */
export function splitLayout(folder: string): SplitLayout {
  return annotationsOf(new FolderTree(folder)).layout;
}

/** The annotation files of a split, wherever they lie in it. @throws VisionError when they are of two kinds */
export function annotationsOf(tree: FileTree): { layout: SplitLayout; files: readonly string[] } {
  const files = tree.files().filter((path) => path.endsWith(".jsonl") || isMetadata(path));
  const [first] = files;
  if (first === undefined) return { layout: "folders", files };
  const other = files.find((path) => layoutOf(path) !== layoutOf(first));
  if (other === undefined) return { layout: layoutOf(first), files };
  throw new VisionError({
    code: "vision/mixed-layout",
    what: `${tree.root} has annotation files of two kinds: ${tree.relative(first)} and ${tree.relative(other)}`,
    fix: "keep one of them: *.jsonl annotations, metadata.jsonl, metadata.csv or metadata.parquet",
  });
}

function layoutOf(path: string): SplitLayout {
  return metadataNames.find((name) => name === nameOf(path)) ?? "jsonl";
}

export function isMetadata(path: string): boolean {
  return (metadataNames as readonly string[]).includes(nameOf(path));
}
