import { type Dirent, readdirSync, realpathSync, statSync } from "node:fs";
import { extname, isAbsolute, join } from "node:path";
import { comparePython } from "@classifier-training/base";
import { ImageError } from "./errors.ts";

/**
 * Extensions that torchvision counts as images, and others that are decoded, too. Files are decoded by their content,
 * whatever they are called.
 */
export const imageExtensions: readonly string[] =
  ".jpg .jpeg .png .ppm .bmp .pgm .tif .tiff .webp .jfif .gif .avif".split(" ");

/** What usually lies beside images without being one: annotations, notes, archives, what programs leave. */
const otherExtensions = new Set(
  (
    ".csv .tsv .json .jsonl .parquet .arrow .xml .yaml .yml .toml .txt .md .rst .html .htm .css .js .ts .py .ipynb .sh " +
    ".log .ini .cfg .conf .db .sqlite .lock .tmp .part .bak .cls .npy .npz .pkl .pt .pth .ckpt .onnx .safetensors .h5 " +
    ".zip .tar .gz .tgz .bz2 .xz .7z .rar .mp4 .mov .avi .mkv .webm .mp3 .wav .doc .docx .xls .xlsx .url .lnk"
  ).split(" "),
);

export function isImageName(name: string): boolean {
  return !isHidden(name) && imageExtensions.includes(extname(name).toLowerCase());
}

/** Whether a file may be an image whose format is not read, as far as its name says. */
export function mayBeImageName(name: string): boolean {
  return !isHidden(name) && !isImageName(name) && !otherExtensions.has(extname(name).toLowerCase());
}

/** `3 .heic, 1 .jp2`. */
export function countExtensions(paths: Iterable<string>): string {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const extension = extname(path).toLowerCase() || "without an extension";
    counts.set(extension, (counts.get(extension) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a, m], [b, n]) => n - m || comparePython(a, b))
    .map(([extension, count]) => `${count} ${extension}`)
    .join(", ");
}

/** Files and folders that systems leave: `._x.jpg`, `.ipynb_checkpoints`, `__MACOSX`, `@eaDir`, `Thumbs.db`, ... */
export function isHidden(name: string): boolean {
  return name.startsWith(".") || systemNames.has(name.toLowerCase());
}

const systemNames = new Set([
  "__macosx",
  "__pycache__",
  "@eadir",
  "$recycle.bin",
  "system volume information",
  "lost+found",
  "thumbs.db",
  "desktop.ini",
  "icon\r",
]);

export function isFolder(path: string): boolean {
  return statOf(path)?.isDirectory() ?? false;
}

/** A path that a listing names, relative to a folder unless it is absolute. */
export function pathFrom(folder: string, name: string): string {
  return isAbsolute(name) ? name : join(folder, name);
}

/** Folder names inside a folder, sorted as Python sorts. */
export function subfolders(path: string): string[] {
  return entriesOf(path)
    .filter((entry) => entry.isDirectory() || (entry.isSymbolicLink() && isFolder(join(path, entry.name))))
    .map(({ name }) => name);
}

/**
 * Paths of all files below a folder for which `wanted` holds, in a fixed order; links are followed, hidden files and
 * folders are not seen. @throws ImageError for a link that leads back to a folder around it
 */
export function filesBelow(path: string, wanted: (name: string) => boolean): string[] {
  const found: string[] = [];
  walk(path, wanted, [], found);
  return found;
}

/** Paths of the files in a folder itself for which `wanted` holds; links are followed. */
export function filesIn(path: string, wanted: (name: string) => boolean): string[] {
  const isFile = (entry: Dirent) =>
    entry.isFile() || (entry.isSymbolicLink() && statOf(join(path, entry.name))?.isFile());
  return entriesOf(path)
    .filter((entry) => wanted(entry.name) && isFile(entry))
    .map(({ name }) => join(path, name));
}

/** @param around the real paths of the folders that a link must not lead back to */
function walk(path: string, wanted: (name: string) => boolean, around: readonly string[], found: string[]): void {
  const real = realPath(path);
  if (around.includes(real)) throw linkLoop(path);
  for (const entry of entriesOf(path)) {
    const full = join(path, entry.name);
    const linked = entry.isSymbolicLink() ? statOf(full) : entry;
    if (linked?.isDirectory()) walk(full, wanted, [...around, real], found);
    else if (linked?.isFile() && wanted(entry.name)) found.push(full);
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ELOOP") throw linkLoop(path, error);
    throw unreadable(path, error);
  }
}

function entriesOf(path: string): Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter(({ name }) => !isHidden(name))
      .sort((a, b) => comparePython(a.name, b.name));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function linkLoop(path: string, cause?: unknown): ImageError {
  return new ImageError({
    code: "image/link-loop",
    what: `the symbolic link ${path} leads back to itself or to a folder around it`,
    fix: "remove the link",
    cause,
  });
}

function unreadable(path: string, cause: unknown): ImageError {
  const { code } = cause as NodeJS.ErrnoException;
  return new ImageError({ code: "image/unreadable", what: `${path} cannot be read (${code})`, cause });
}
