import { lstatSync } from "node:fs";
import { join } from "node:path";
import { comparePython } from "@classifier-training/base";
import { isHidden, isImageName } from "@classifier-training/image/files";
import { VisionError } from "../../errors.ts";
import { ImageDataset, type SampleMetadata } from "../dataset.ts";
import { isArchiveName, openArchives } from "../open/archives.ts";
import { type FileTree, FolderTree, nameOf } from "../open/file-tree.ts";
import type { DecodeChoices } from "../open/options.ts";
import type { Edits } from "./edit-log.ts";

/**
 * The images of these names that are there: imported ones, and files of the folder (members of archives in it) that the data
 * has no label of. They come as datasets without classes.
 * @param metadata what rows without a label say of images beside it, by path
 * @throws VisionError for an imported image that is a link: it may lead anywhere
 */
export async function openUnlisted(
  edits: Edits,
  names: Iterable<string>,
  decode: DecodeChoices,
  metadata: ReadonlyMap<string, SampleMetadata>,
): Promise<readonly ImageDataset[]> {
  const folder = new FolderTree(edits.folder);
  const files: string[] = [];
  const members = new Map<string, string[]>();
  for (const name of [...names].sort(comparePython)) {
    const path = join(edits.folder, name);
    const archive = archiveOf(name);
    if (edits.state.added.has(name)) {
      if (isImported(path)) files.push(path);
    } else if (archive !== undefined) {
      const file = join(edits.folder, archive);
      members.set(file, [...(members.get(file) ?? []), `${file}${name.slice(archive.length)}`]);
    } else if (isSeen(name) && isImageName(nameOf(path)) && folder.exists(path)) files.push(path);
  }
  const found = [datasetOf(edits, folder, files, decode, metadata)];
  for (const [file, paths] of members) {
    if (!folder.exists(file)) continue;
    const tree = await openArchives(edits.folder, [file]);
    const there = paths.filter((path) => isImageName(nameOf(path)) && tree.exists(path));
    found.push(datasetOf(edits, tree, there, decode, metadata));
  }
  return found;
}

function datasetOf(
  edits: Edits,
  tree: FileTree,
  paths: readonly string[],
  decode: DecodeChoices,
  metadata: ReadonlyMap<string, SampleMetadata>,
): ImageDataset {
  const { added } = edits.state;
  return new ImageDataset({
    name: edits.folder,
    source: tree.images(paths, decode),
    targets: new Int32Array(paths.length).fill(-1),
    classToIdx: new Map(),
    paths,
    metadata: paths.map((path): SampleMetadata | undefined => {
      const source = added.get(edits.nameOf(path));
      return source === undefined ? metadata.get(path) : { source };
    }),
  });
}

/** The archive that an image is a member of, `photos.zip!cat/1.jpg`; undefined for a file. */
function archiveOf(name: string): string | undefined {
  const end = name.indexOf("!");
  const archive = name.slice(0, Math.max(0, end));
  return isArchiveName(archive) && isSeen(archive) ? archive : undefined;
}

/** Whether a name is that of a file in the folder that a walk through it would find. */
function isSeen(name: string): boolean {
  return !/^[A-Za-z]:/.test(name) && name.split(/[\\/]/).every((part) => part !== "" && !isHidden(part));
}

function isImported(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat?.isSymbolicLink()) {
    throw new VisionError({
      code: "vision/edits",
      what: "expected the file of an imported image, received a symbolic link",
      where: path,
      fix: "put the file itself in its place, or take the edit back",
    });
  }
  return stat?.isFile() ?? false;
}
