import { existsSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { CtError, readRegularFile, shellWord, splitFolderNames } from "@classifier-training/base";
import { type DictConfig, load, select } from "@classifier-training/hydra";
import { isImageName } from "@classifier-training/image/files";
import { fileInside, isInside, type Run } from "@classifier-training/runs";
import { importedPrefix, openData, pathWithin, type SourceSpec, storedBytes } from "@classifier-training/vision/data";

/** The folders whose images may be shown, and changed by edits. */
export interface SamplePlaces {
  /** Data that the user named. */
  readonly data: readonly string[];
  /** Where the server was started: data of runs within it is allowed, too. */
  readonly cwd: string;
}

/** The data of a run. */
export interface SampleData {
  /** Absolute. */
  readonly root: string;
  /** What the paths of its samples are relative to. */
  readonly cwd: string;
  /** The real paths of the folders that its images may lie in. */
  readonly folders: readonly string[];
}

const maxImageBytes = 256 * 2 ** 20;

/** Where the data of a run is. @throws CtError where that is not known, not there, or not among the allowed places */
export function sampleDataOf(run: Run, places: SamplePlaces): SampleData {
  const cwd = run.record.cwd ?? places.cwd;
  const root = run.record.dataRoot ?? configuredRoot(run, cwd);
  if (root === undefined) throw refused("The run does not say where its images are", places);
  const real = realPath(root);
  if (real === undefined) throw refused(`The run's images are not at ${root} any more`, places);
  const named = places.data.map((place) => realPath(place) ?? place);
  const allowed = [...named, realPath(places.cwd) ?? places.cwd].some((place) => isInside(place, real));
  if (!allowed) throw refused(`The run's images are in ${root}, which this page may not show`, places, root);
  // Beside a list or an archive is more than its images: only those that it names are shown, and those that edits have added.
  const own = folderOf(real) === real ? real : join(dirname(real), importedPrefix);
  return { root, cwd, folders: [own, ...named] };
}

/** Of runs that have not recorded it. */
function configuredRoot({ dir, record }: Run, cwd: string): string | undefined {
  const path = record.configPath === undefined ? undefined : fileInside(dir, record.configPath);
  try {
    const root = path === undefined ? undefined : select(load(path) as DictConfig, "data.data_root");
    return typeof root === "string" ? resolve(cwd, root) : undefined;
  } catch (error) {
    if (!CtError.is(error)) throw error;
    return undefined;
  }
}

function refused(what: string, { data }: SamplePlaces, root = data[0] ?? "FOLDER"): CtError {
  return new CtError({
    code: "samples/data",
    what,
    fix: `start the page with \`classifier dashboard --data ${shellWord(root)}\` to see them`,
  });
}

function folderOf(root: string): string {
  return statSync(root).isDirectory() ? root : dirname(root);
}

function realPath(path: string): string | undefined {
  return existsSync(path) ? realpathSync(path) : undefined;
}

/** An image as a file, or the bytes that one has in an archive. */
export type StoredImage = { readonly file: string } | { readonly bytes: Uint8Array };

/** The images of data that are not files of their own, by path. */
const opened = new Map<string, Promise<ReadonlyMap<string, readonly [source: SourceSpec, index: number]>>>();
const maxOpened = 4;

/**
 * An image of the data, by the path that a table of predictions has.
 * @throws CtError for one that is not there, lies outside of the data, or is not an image
 */
export async function storedImage({ root, cwd, folders }: SampleData, sample: string): Promise<StoredImage> {
  const path = resolve(cwd, sample);
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  const isFolder = folderOf(root) === root;
  const [source, index] = isFile && isFolder ? [] : ((await membersOf(root)).get(path) ?? []);
  if (isFile) {
    const real = realpathSync(path);
    // Checked by real paths: a link may lead out of the data.
    const within = source === undefined ? folders : [dirname(realpathSync(root)), ...folders];
    if (within.some((folder) => isInside(folder, real)) && [path, real].every((one) => isImageName(basename(one))))
      return { file: real };
    throw missing(sample, "it is outside of the data, or not an image");
  }
  if (source === undefined || index === undefined) throw missing(sample, "it is not in the data any more");
  return { bytes: storedBytes(source, index) };
}

/** The bytes of an image. @throws CtError as `storedImage` does */
export async function imageBytes(data: SampleData, sample: string): Promise<Uint8Array> {
  const stored = await storedImage(data, sample);
  return "bytes" in stored ? stored.bytes : readRegularFile(stored.file, maxImageBytes);
}

function membersOf(root: string) {
  const stat = statSync(root);
  const key = `${root} ${stat.mtimeMs}`;
  const known = opened.get(key) ?? readMembers(root);
  opened.delete(key);
  opened.set(key, known);
  known.catch(() => opened.delete(key));
  for (const [oldest] of opened) if (opened.size > maxOpened) opened.delete(oldest);
  return known;
}

/** Images that edits leave out are members, too. */
async function readMembers(root: string) {
  const data = await openData(root, { onMissing: "skip", allowEmpty: true, withEdits: false });
  const members = new Map<string, readonly [SourceSpec, number]>();
  for (const split of data.splits) {
    const { paths, source } = await data.open(splitFolderNames[split][0]);
    for (const [i, path] of paths.entries()) members.set(resolve(path), [source, i]);
  }
  return members;
}

function missing(sample: string, why: string): CtError {
  return new CtError({ code: "samples/image", what: `the image cannot be shown: ${why}`, where: sample });
}

/** What edits call an image: its path in the data. @throws CtError for one that lies outside */
export function editNameOf({ root, cwd }: SampleData, sample: string): string {
  const path = resolve(cwd, sample);
  const name = pathWithin(root, path).split(sep).join("/");
  if (name !== "" && name !== ".." && !name.startsWith("../")) return name;
  throw missing(sample, "it is outside of the data");
}

/** The path that a table of predictions has for what edits call an image. */
export function sampleNameOf({ root, cwd }: SampleData, name: string): string {
  const path = join(folderOf(root), name);
  return relative(cwd, folderOf(root) === root || existsSync(path) ? path : `${root}!${name}`);
}
