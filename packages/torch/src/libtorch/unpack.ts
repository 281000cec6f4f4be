import { createWriteStream } from "node:fs";
import { mkdir, realpath, symlink } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { CtError } from "@classifier-training/base";
import type { Entry, ZipFile } from "yauzl";
import { fileError, requireSpace } from "../download/part-file.ts";
import type { ProgressListener } from "../download/progress.ts";

/** What a member of an archive is, by the mode that the archive has for it. */
type Kind = "folder" | "file" | "link";

const longestTarget = 4096;

/**
 * Unpacks a zip archive into a new folder, with its executable bits and symbolic links. Nothing is written outside of the
 * folder, whatever the archive says; what is there when this fails is only a part.
 * @throws CtError `libtorch/archive` for an archive that is broken or names such a path, `download/space`, `download/write`
 */
export async function unpack(
  archive: string,
  folder: string,
  { onProgress, name }: { onProgress?: ProgressListener | undefined; name: string },
): Promise<void> {
  const { openPromise } = await import("yauzl");
  try {
    await mkdir(folder, { recursive: true });
    const zip = await openPromise(archive, { autoClose: false });
    try {
      const entries: Entry[] = [];
      for await (const entry of zip.eachEntry()) entries.push(entry);
      const total = entries.reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0);
      await requireSpace(folder, total);
      await extract(zip, entries, folder, counter(name, total, onProgress));
    } finally {
      zip.close();
    }
  } catch (cause) {
    const error = fileError(cause, folder);
    if (CtError.is(error)) throw error;
    throw new CtError({
      code: "libtorch/archive",
      what: `the archive cannot be unpacked: ${cause instanceof Error ? cause.message : String(cause)}`,
      where: archive,
      fix: "get the archive of pytorch.org: a mirror may have another one under its name",
      cause,
    });
  }
}

async function extract(
  zip: ZipFile,
  entries: readonly Entry[],
  folder: string,
  report: (bytes: number) => void,
): Promise<void> {
  for (const entry of entries) {
    const path = join(folder, entry.fileName);
    const kind = kindOf(entry);
    if (kind === "folder") await mkdir(path, { recursive: true });
    if (kind !== "file") continue;
    await mkdir(dirname(path), { recursive: true });
    const output = createWriteStream(path, { flags: "wx", mode: modeOf(entry) & 0o111 ? 0o755 : 0o644 });
    const input = await zip.openReadStreamPromise(entry);
    input.on("data", (chunk: Uint8Array) => report(chunk.byteLength));
    await pipeline(input, output);
  }
  // Links last: no file is ever written through one.
  for (const entry of entries.filter((one) => kindOf(one) === "link")) {
    if (entry.uncompressedSize > longestTarget) throw new Error(`'${entry.fileName}' is a link that is too long`);
    await makeLink(folder, entry.fileName, await text(await zip.openReadStreamPromise(entry)));
    report(entry.uncompressedSize);
  }
}

function counter(file: string, totalBytes: number, onProgress?: ProgressListener): (bytes: number) => void {
  const began = performance.now();
  let receivedBytes = 0;
  return (bytes) => {
    receivedBytes += bytes;
    const bytesPerSecond = (1000 * receivedBytes) / Math.max(1, performance.now() - began);
    onProgress?.({ file, receivedBytes, totalBytes, bytesPerSecond, done: receivedBytes === totalBytes });
  };
}

/** A link may only lead to a place in the folder, directly: a `..` behind a name, or below another link, may leave it. */
async function makeLink(folder: string, name: string, target: string): Promise<void> {
  const parent = dirname(join(folder, name));
  await mkdir(parent, { recursive: true });
  const behindClimbs = target.replace(/^(\.\.(\/|$))+/, "").split("/");
  const reached = posix.normalize(posix.join(posix.dirname(name), target));
  const leaves = posix.isAbsolute(target) || reached === ".." || reached.startsWith("../");
  const belowLink = (await realpath(parent)) !== join(await realpath(folder), dirname(name));
  if (target === "" || /[\\\0]/.test(target) || leaves || behindClimbs.includes("..") || belowLink)
    throw new Error(`'${name}' is a link to '${target}', which may lie outside of it`);
  await symlink(target, join(folder, name));
}

const modeOf = (entry: Entry) => entry.externalFileAttributes >>> 16;

function kindOf(entry: Entry): Kind {
  if (entry.fileName.endsWith("/")) return "folder";
  // Archives that were made on Windows know no modes.
  const type = modeOf(entry) & 0o170000;
  if (type === 0o120000) return "link";
  if (type === 0 || type === 0o100000) return "file";
  throw new Error(`'${entry.fileName}' is neither a file nor a folder nor a link`);
}
