import { type FileHandle, open, readFile, rm, stat, statfs, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Response } from "undici";
import { DownloadError } from "./errors.ts";
import type { DownloadOptions } from "./options.ts";

/** What a server said of the file that a partial download holds the start of. */
interface Note {
  readonly validator: string | undefined;
}

/** Where the note beside a partial file is. */
const noteOf = (part: string) => `${part}.json`;

/** The ETag or date of the file that `part` is the start of; without its note it is worth nothing unless a hash is known. */
export async function readValidator(part: string): Promise<string | undefined> {
  try {
    return (JSON.parse(await readFile(noteOf(part), "utf8")) as Note).validator;
  } catch {
    return undefined;
  }
}

export async function removeNote(part: string): Promise<void> {
  await rm(noteOf(part), { force: true });
}

/** Opens a partial file for what an answer brings: to append, or from its beginning. */
export async function openPart(part: string, start: number, response: Response): Promise<FileHandle> {
  if (start > 0) return open(part, "a");
  const etag = response.headers.get("etag");
  const strong = etag?.startsWith("W/") === true ? null : etag;
  const note: Note = { validator: strong ?? response.headers.get("last-modified") ?? undefined };
  const file = await open(part, "w");
  await writeFile(noteOf(part), JSON.stringify(note));
  return file;
}

/** Writes what arrives behind the first `start` bytes, and closes the file. @returns bytes that are there now */
export async function writeBody(
  response: Response,
  { file, part, start, total }: { file: FileHandle; part: string; start: number; total: number | undefined },
  { onProgress, bytes: limit = Number.POSITIVE_INFINITY }: DownloadOptions,
  onChunk: () => void,
): Promise<number> {
  const began = performance.now();
  const name = basename(part, ".part");
  let received = start;
  const report = (done: boolean) => {
    const seconds = Math.max(1e-3, (performance.now() - began) / 1000);
    const bytesPerSecond = (received - start) / seconds;
    onProgress?.({ file: name, receivedBytes: received, totalBytes: total, bytesPerSecond, done });
  };
  try {
    for await (const bytes of response.body ?? []) {
      await file.writeFile(bytes);
      received += bytes.byteLength;
      if (received > limit) throw wrongSize(response.url, `more than ${limit}`, limit);
      onChunk();
      report(false);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  if (total === undefined || received >= total) report(true);
  return received;
}

/** The bytes of a file; undefined where there is none. */
export async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

/** @throws DownloadError `download/size` when a server has a file of another size than the one wanted */
export function wrongSize(url: string, actual: number | string, expected: number): DownloadError {
  return new DownloadError({
    code: "download/size",
    what: `the server has a file of ${actual} bytes, expected ${expected}`,
    where: url,
    fix: "a proxy or mirror may have another file: download it by other means",
  });
}

/** @throws DownloadError `download/space` when the disk of a folder has less than `bytes` free */
export async function requireSpace(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new DownloadError({
    code: "download/space",
    what: `not enough space: expected ${megabytes(bytes)} MB free, received ${megabytes(free)} MB`,
    where: folder,
    fix: spaceFix,
  });
}

const megabytes = (bytes: number) => Math.ceil(bytes / 1e6);

const spaceFix =
  "free space on that disk, or set XDG_CACHE_HOME to a folder on another one, and run the same command again";

/** What the system says of a file that cannot be written, as an error with a fix; anything else stays as it is. */
export function fileError(error: unknown, path: string): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (DownloadError.is(error) || syscall === undefined || code === undefined) return error;
  // What Node.js says of a folder on a disk that is read-only, when it makes those above it, too.
  const isReadOnly = code === "ENOENT" && syscall === "mkdir";
  if (!isReadOnly && !isFileCode(code)) return error;
  return new DownloadError({
    code: "download/write",
    what: `${basename(path)} cannot be written: ${isReadOnly ? "its folder cannot be made" : message}`,
    where: dirname(path),
    fix: code === "ENOSPC" || code === "EDQUOT" ? spaceFix : "set XDG_CACHE_HOME to a folder that may be written",
    cause: error,
  });
}

const isFileCode = (code: string) =>
  ["ENOSPC", "EDQUOT", "EACCES", "EPERM", "EROFS", "ENOTDIR", "EISDIR", "EMFILE", "EIO", "ENAMETOOLONG"].includes(code);
