import { existsSync, mkdirSync, readdirSync, realpathSync, statSync } from "node:fs";
import { copyFile, link, realpath, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { CtError, type Split, splitFolderNames, temporaryPath } from "@classifier-training/base";
import { type ByteImage, encodePng, type ImageDataset, openData, storedBytes } from "@classifier-training/vision";
import { ExportNames } from "./export-names.ts";
import { storageOf } from "./labeled-files.ts";
import { openOptionsOf, type ReadingOptions } from "./options.ts";

/** How exported data is laid out: `SPLIT/CLASS/IMAGE`, or `data.jsonl` and `images/SPLIT/IMAGE`. */
export const exportLayouts = ["folders", "jsonl"] as const;

export interface ExportOptions {
  readonly to: string;
  readonly layout: (typeof exportLayouts)[number];
  /** Whether files are hard links to the originals where the disk allows it. */
  readonly link: boolean;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** What was written. */
export interface ExportedData {
  readonly folder: string;
  /** Images of each split. */
  readonly images: Readonly<Partial<Record<Split, number>>>;
  readonly classes: number;
  readonly notices: readonly string[];
}

interface OpenedSplit {
  readonly split: Split;
  readonly dataset: ImageDataset;
}

interface ExportedFile {
  readonly dataset: ImageDataset;
  readonly index: number;
  /** Relative to the folder, with `/`. */
  readonly name: string;
}

/** Files that are written at the same time. */
const inFlight = 8;

/**
 * Writes data with its edits as folders or as a list, for other programs or another machine. It is written beside the folder
 * under another name, read back, compared, and renamed: there is the whole of it or nothing.
 * @throws CtError for a folder that exists or lies in the data, data that the layout cannot hold, a full disk
 */
export async function exportData(root: string, reading: ReadingOptions, options: ExportOptions): Promise<ExportedData> {
  const folder = freeFolder(root, options.to);
  const data = await openData(root, openOptionsOf(reading));
  const train = await data.open(splitFolderNames.train[0]);
  const splits: OpenedSplit[] = [];
  for (const split of data.splits) {
    const dataset = split === "train" ? train : await data.open(splitFolderNames[split][0], train);
    splits.push({ split, dataset });
  }
  if (options.layout === "folders" && train.task === "multilabel") throw severalLabels(root);
  const counts = train.classCounts();
  const empty = train.classes.filter((_, k) => counts[k] === 0);
  const unfinished = temporaryPath(folder);
  try {
    await rm(unfinished, { recursive: true, force: true });
    const { files, lists } = options.layout === "folders" ? inFolders(splits) : inList(splits);
    await writeFiles(unfinished, files, options);
    for (const [name, rows] of lists) await writeFile(join(unfinished, name), rows.join(""));
    await requireSame(unfinished, splits, files, options.layout);
    if (existsSync(folder)) await rmdir(folder);
    await rename(unfinished, folder);
  } catch (error) {
    throw CtError.is(error) ? error : notWritten(folder, error);
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return {
    folder,
    images: Object.fromEntries(splits.map(({ split, dataset }) => [split, dataset.length])),
    classes: train.classToIdx.size - empty.length,
    notices: [
      ...splits.flatMap(({ split, dataset }) =>
        dataset.notices().map((notice) => `${splitFolderNames[split][0]}: ${notice}`),
      ),
      ...(empty.length === 0 ? [] : [`not exported, because there are no images in it: ${empty.join(", ")}`]),
    ],
  };
}

interface Layout {
  readonly files: readonly ExportedFile[];
  /** Lines of lists, by their names. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

/** Where a class cannot be the name of a folder, a list says which one it is. */
function inFolders(splits: readonly OpenedSplit[]): Layout {
  const files: ExportedFile[] = [];
  const lists = new Map<string, string[]>();
  const classNames = new ExportNames();
  const all = [...new Set(splits.flatMap(({ dataset }) => dataset.classes))];
  const folders = new Map(all.map((name) => [name, classNames.of("", name)]));
  const isPlain = all.every((name) => folders.get(name) === name);
  for (const { split, dataset } of splits) {
    const [top] = splitFolderNames[split];
    const names = new ExportNames();
    const rows: string[] = [];
    const { classes } = dataset;
    for (let index = 0; index < dataset.length; index++) {
      const label = classes[dataset.targets[index] as number] as string;
      const folder = folders.get(label) as string;
      const name = `${folder}/${names.ofImage(folder, dataset.paths[index] as string)}`;
      files.push({ dataset, index, name: `${top}/${name}` });
      rows.push(row({ file_name: name, label }, dataset, index));
    }
    if (!isPlain) lists.set(`${top}/metadata.jsonl`, rows);
  }
  return { files, lists };
}

function inList(splits: readonly OpenedSplit[]): Layout {
  const files: ExportedFile[] = [];
  const rows: string[] = [];
  for (const { split, dataset } of splits) {
    const [top] = splitFolderNames[split];
    const names = new ExportNames();
    const { classes } = dataset;
    for (let index = 0; index < dataset.length; index++) {
      const name = `images/${top}/${names.ofImage("", dataset.paths[index] as string)}`;
      files.push({ dataset, index, name });
      const labels = Array.from(dataset.labelsOf(index), (k) => classes[k] as string);
      const label = dataset.labelSets === undefined ? labels[0] : labels;
      rows.push(row({ image: name, label, split: top }, dataset, index));
    }
  }
  return { files, lists: new Map([["data.jsonl", rows]]) };
}

function row(fields: Readonly<Record<string, unknown>>, { metadata }: ImageDataset, index: number): string {
  const own = metadata[index];
  const isEmpty = own === undefined || Object.keys(own).length === 0;
  return `${JSON.stringify(isEmpty ? fields : { ...fields, metadata: own })}\n`;
}

async function writeFiles(folder: string, files: readonly ExportedFile[], options: ExportOptions): Promise<void> {
  for (const name of new Set(files.map(({ name }) => dirname(name))))
    mkdirSync(join(folder, name), { recursive: true });
  const { onProgress } = options;
  let next = 0;
  let done = 0;
  let failed = false;
  const work = async () => {
    for (let i = next++; i < files.length && !failed; i = next++) {
      const file = files[i] as ExportedFile;
      await writeOne(join(folder, file.name), file, options.link).catch((error: unknown) => {
        failed = true;
        throw error;
      });
      onProgress?.(++done, files.length);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
}

async function writeOne(path: string, { dataset, index }: ExportedFile, isLinked: boolean): Promise<void> {
  const storage = storageOf(dataset.source);
  const original = dataset.paths[index] as string;
  if (storage === "files") {
    if (isLinked && (await linked(original, path))) return;
    await copyFile(original, path);
    return;
  }
  const bytes =
    storage === "shards"
      ? storedBytes(dataset.source, index)
      : await encodePng((await dataset.get(index)).image as ByteImage);
  await writeFile(path, bytes);
}

/** Makes a hard link. @returns false where the disk does not allow it */
async function linked(original: string, path: string): Promise<boolean> {
  try {
    // A link to the file itself: the original may be a symbolic one.
    await link(await realpath(original), path);
    return true;
  } catch (error) {
    if (["EXDEV", "EPERM", "EMLINK", "ENOTSUP"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}

/** @throws CtError where what was written reads otherwise than what was to be written */
async function requireSame(
  folder: string,
  splits: readonly OpenedSplit[],
  files: readonly ExportedFile[],
  layout: ExportOptions["layout"],
): Promise<void> {
  const labels = new Map(splits.map((opened) => [opened.dataset, labelTexts(opened)]));
  const wanted = new Map(
    files.map(({ dataset, index, name }) => [resolve(folder, name), labels.get(dataset)?.[index] as string]),
  );
  const found = new Map<string, string>();
  const data = await openData(folder);
  const train = await data.open(splitFolderNames.train[0]);
  for (const split of data.splits) {
    const dataset = split === "train" ? train : await data.open(splitFolderNames[split][0], train);
    const texts = labelTexts({ split, dataset });
    for (const [i, path] of dataset.paths.entries()) found.set(resolve(path), texts[i] as string);
  }
  const different = [...wanted].find(([path, text]) => found.get(path) !== text);
  if (different === undefined && found.size === wanted.size) return;
  const other = exportLayouts.find((one) => one !== layout);
  throw new CtError({
    code: "data/export",
    what: `as ${layout} it does not read back the same: ${different === undefined ? "it has more images" : `an image of ${different[1]}`}`,
    fix: `rename the class, or export with --as ${other}`,
  });
}

/** Split and labels of each image. */
function labelTexts({ split, dataset }: OpenedSplit): string[] {
  const { classes } = dataset;
  return dataset.paths.map((_, i) => {
    const names = Array.from(dataset.labelsOf(i), (k) => JSON.stringify(classes[k]));
    return `${split} with the label ${names.join(", ")}`;
  });
}

/** Where it is to be written. @throws CtError for a folder that is not empty, or lies in the data */
function freeFolder(root: string, to: string): string {
  const folder = resolve(to);
  const refuse = (what: string) =>
    new CtError({ code: "data/export", what, where: "--to", fix: "give the name of a new folder beside the data" });
  if (existsSync(folder) && (!statSync(folder).isDirectory() || readdirSync(folder).length > 0))
    throw refuse(`${to} exists, and is not an empty folder`);
  let parent = folder;
  while (!existsSync(parent)) parent = dirname(parent);
  const real = resolve(realpathSync(parent), relative(parent, folder));
  const source = existsSync(root) && statSync(root).isDirectory() ? realpathSync(root) : undefined;
  if (source !== undefined && `${real}${sep}`.startsWith(`${source}${sep}`))
    throw refuse(`${to} lies in the data, ${root}`);
  return folder;
}

function severalLabels(root: string): CtError {
  return new CtError({
    code: "data/export",
    what: `images of ${root} have several labels, and a folder is one class`,
    where: "--as folders",
    fix: "export with --as jsonl",
  });
}

function notWritten(folder: string, cause: unknown): CtError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new CtError({
    code: "data/export",
    what: `${folder} was not written: ${message}`,
    fix: code === "ENOSPC" ? "free space on its disk" : "see that the data can be read and the folder can be written",
    cause,
  });
}
