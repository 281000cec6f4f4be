import { existsSync } from "node:fs";
import { rename, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { CtError, cacheFolder, type Problem, temporaryPath } from "@classifier-training/base";
import {
  type Archive,
  type ArchiveTable,
  archiveServer,
  archivesFor,
  archiveTable,
  glibcVersion,
  isMusl,
} from "../../native/archives.mjs";
import { installAdvice } from "../../native/setup.mjs";
import { download, type ProgressListener, switchedOn } from "../download/index.ts";
import { withFileLock } from "../download/lock.ts";
import { fileError } from "../download/part-file.ts";
import { unpack } from "./unpack.ts";

export interface DownloadLibTorchOptions {
  /** `cpu`, or a CUDA build as PyTorch names them; default `cpu`, which on a Mac has MPS. */
  readonly build?: string | undefined;
  readonly onProgress?: ProgressListener | undefined;
  /** Receives each step, as a line. */
  readonly onStep?: ((line: string) => void) | undefined;
  /** Where archives are, and their hashes; default PyTorch's. */
  readonly table?: ArchiveTable | undefined;
  /** First wait between attempts; see `DownloadOptions`. */
  readonly backoffMs?: number | undefined;
}

export interface Downloaded {
  /** Its version and build, such as `2.7.1+cpu`. */
  readonly name: string;
  /** The folder that `LIBTORCH` would be set to. */
  readonly folder: string;
  /** Whether it was there already. */
  readonly how: "present" | "downloaded";
}

/** Free bytes for each byte of an archive: itself, and what is unpacked from it. */
const spaceFactor = 4;

/**
 * Fetches PyTorch's archive of LibTorch for this machine into the user's cache, where it is found from then on: before
 * those that are installed, and after `LIBTORCH`. It is complete there or not there at all; a download that was
 * interrupted is resumed by the next call, and two processes share one.
 *
 * `CLASSIFIER_LIBTORCH_MIRROR` replaces `https://download.pytorch.org/libtorch`, and `HTTPS_PROXY` and `NO_PROXY` are kept.
 * @throws CtError `libtorch/platform` and `libtorch/build` for what cannot be fetched, `libtorch/offline`,
 * `libtorch/archive`, or with the code of the `DownloadError`.
 */
export async function downloadLibTorch(options: DownloadLibTorchOptions = {}): Promise<Downloaded> {
  const { build = "cpu", table = archiveTable } = options;
  const archive = archiveOf(build, table);
  const name = `${table.version}+${build}`;
  const parent = cacheFolder("libtorch");
  const place: Place = { name, final: join(parent, name), partial: join(parent, "partial") };
  if (await isPresent(place)) return { name, folder: join(place.final, "libtorch"), how: "present" };
  const url = mirrored(archive.url);
  const offline = switchedOn(["CLASSIFIER_OFFLINE"]);
  if (offline !== undefined) throw unavailable(name, url, { code: "libtorch/offline", what: `${offline} is set` });
  try {
    return await withFileLock(join(place.partial, `LibTorch ${name}`), async () => {
      if (await isPresent(place)) return { name, folder: join(place.final, "libtorch"), how: "present" };
      await bring({ ...archive, url }, place, options);
      return { name, folder: join(place.final, "libtorch"), how: "downloaded" };
    });
  } catch (cause) {
    const error = fileError(cause, place.final);
    throw CtError.is(error) ? unavailable(name, url, error.problem) : error;
  }
}

/** Where a LibTorch is kept, and where parts of it are until it is complete: a folder that is not looked into for one. */
interface Place {
  readonly name: string;
  readonly final: string;
  readonly partial: string;
}

async function isPresent({ final }: Place): Promise<boolean> {
  if (!existsSync(join(final, "libtorch"))) return false;
  // The one that was asked for last is used.
  const now = new Date();
  await utimes(final, now, now).catch(() => {});
  return true;
}

async function bring(archive: Archive, place: Place, options: DownloadLibTorchOptions): Promise<void> {
  const { onProgress, onStep, backoffMs } = options;
  const file = join(place.partial, `LibTorch ${place.name}.zip`);
  onStep?.(`downloading LibTorch ${place.name}`);
  await download(archive.url, file, { ...archive, spaceFactor, onProgress, backoffMs });
  const fresh = temporaryPath(join(place.partial, place.name));
  try {
    onStep?.(`unpacking LibTorch ${place.name}`);
    await unpack(file, fresh, { onProgress, name: `LibTorch ${place.name}` });
    for (const part of ["include", "lib"]) {
      if (existsSync(join(fresh, "libtorch", part))) continue;
      throw new CtError({ code: "libtorch/archive", what: `the archive has no folder libtorch/${part}`, where: file });
    }
    await rm(place.final, { recursive: true, force: true });
    await rename(fresh, place.final);
  } catch (error) {
    // The next call would stumble over it again.
    if (CtError.is(error) && error.code === "libtorch/archive") await rm(file, { force: true });
    throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  await rm(file, { force: true });
}

/** @throws CtError when there is none for this machine */
function archiveOf(build: string, table: ArchiveTable): Archive {
  const system = `${process.platform} ${process.arch}`;
  const builds = archivesFor(`${process.platform}-${process.arch}`, table);
  const names = Object.keys(builds);
  const found = Object.hasOwn(builds, build) ? builds[build] : undefined;
  if (names.length === 0) {
    throw new CtError({
      code: "libtorch/platform",
      what: `there is no archive of LibTorch whose hash is known for ${system}${isMusl() ? " with musl" : ""}\n${installAdvice({ libtorch: true })}`,
    });
  }
  if (found === undefined) {
    throw new CtError({
      code: "libtorch/build",
      what: `LibTorch ${table.version} for ${system}: expected the build ${names.join(", ")}, received '${build}'`,
      fix: `name one of them, or unpack another archive of pytorch.org and set LIBTORCH to its folder`,
    });
  }
  const glibc = glibcVersion();
  if (glibc !== undefined && glibc.localeCompare(table.glibc, "en", { numeric: true }) < 0) {
    throw new CtError({
      code: "libtorch/platform",
      what: `LibTorch ${table.version} needs glibc ${table.glibc}, and this system has ${glibc}\n${installAdvice({ libtorch: true })}`,
    });
  }
  return found;
}

function mirrored(url: string): string {
  const mirror = process.env["CLASSIFIER_LIBTORCH_MIRROR"];
  if (!mirror || !url.startsWith(archiveServer)) return url;
  if (!/^https?:\/\/[^/]/.test(mirror) || !URL.canParse(mirror)) {
    throw new CtError({
      code: "libtorch/mirror",
      what: `CLASSIFIER_LIBTORCH_MIRROR: expected an http or https address, received '${mirror}'`,
      fix: "write https://HOST/PATH, below which the folders of download.pytorch.org/libtorch are, or unset it",
    });
  }
  return `${mirror.replace(/\/+$/, "")}${url.slice(archiveServer.length)}`;
}

function unavailable(name: string, url: string, { code, what, where = url, fix, cause }: Problem): CtError {
  const again =
    code === "download/network"
      ? "check the network (a proxy is named by HTTPS_PROXY, a mirror by CLASSIFIER_LIBTORCH_MIRROR) and run the same command again, which resumes"
      : undefined;
  const byHand = /space|write/.test(code)
    ? undefined
    : "or bring that archive here by other means, unpack it, and set LIBTORCH to its folder libtorch";
  return new CtError({
    code,
    what: `LibTorch ${name} cannot be fetched: ${what}`,
    where,
    fix: [fix ?? again, byHand].filter(Boolean).join("; "),
    cause,
  });
}
