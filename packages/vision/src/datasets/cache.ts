import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, parseOptions } from "@classifier-training/base";
import { decoderVersion } from "@classifier-training/image";
import { filesBelow } from "@classifier-training/image/files";
import { z } from "zod";
import { createRamCache } from "./cached-source.ts";
import type { ImageDataset } from "./dataset.ts";
import type { SourceSpec } from "./source-spec.ts";

export const cacheOptionsSchema = z.strictObject({
  /** `ram`: decoded images in memory shared by all workers. `disk`: in pack files, kept for later runs. */
  type: z.enum(["ram", "disk"]).default("ram"),
  /** Most bytes that it may take; what does not fit is decoded each time. */
  maxBytes: z
    .number()
    .int()
    .positive()
    .default(2 ** 31),
  /** Folder of disk caches. */
  folder: z.string().optional(),
});

/**
 * The same dataset with its decoded images cached as they are first read. A disk cache is found again by the names,
 * sizes and times of the files and by how they are read: changed data get a new cache, and the least recently used ones are removed when all
 * together exceed the limit.
 */
export function cached(dataset: ImageDataset, options: z.input<typeof cacheOptionsSchema> = {}): ImageDataset {
  const { type, maxBytes, folder } = parseOptions("cached", cacheOptionsSchema, options);
  const { source } = dataset;
  if (type === "ram") {
    const ram = createRamCache(dataset.length, maxBytes);
    return dataset.readAs({ kind: "cached", of: source, ram });
  }
  const root = folder ?? cacheFolder("images");
  const own = join(root, dataKey(dataset));
  const existing = makeRoom(root, own, maxBytes);
  const used = new Int32Array(new SharedArrayBuffer(4)).fill(Math.ceil(existing / 4096));
  return dataset.readAs({ kind: "cached", of: source, disk: { folder: own, maxBytes, used } });
}

/** A hash that changes when a file is added, removed, renamed or rewritten, or when files are read in another way. */
export function dataKey(dataset: ImageDataset): string {
  const hash = createHash("sha256").update(`images ${decoderVersion}\n${reading(dataset.source)}\n`);
  for (const path of dataset.paths) {
    // Of a member of an archive: that of the archive.
    const archive = path.slice(0, Math.max(0, path.lastIndexOf("!"))) || path;
    const stat = statSync(path, { throwIfNoEntry: false }) ?? statSync(archive, { throwIfNoEntry: false });
    hash.update(`${path}\0${stat?.size}\0${stat?.mtimeMs}\n`);
  }
  return hash.digest("hex").slice(0, 32);
}

/** How a source reads its images: everything of it but which ones, which paths, sizes and times tell. */
function reading(source: SourceSpec): string {
  return JSON.stringify(source, (key, value: unknown) => {
    // Where a step's code is installed does not change what it does.
    if (key === "module") return undefined;
    if (ArrayBuffer.isView(value))
      return createHash("sha256")
        .update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
        .digest("hex");
    return Array.isArray(value) && typeof value[0] === "string" ? value.length : value;
  });
}

/** Removes the caches that were not used for longest until the rest fits; returns the bytes of our own. */
function makeRoom(root: string, own: string, maxBytes: number): number {
  mkdirSync(own, { recursive: true });
  const now = new Date();
  utimesSync(own, now, now);
  const caches = readdirSync(root).map((name) => {
    const path = join(root, name);
    const bytes = filesBelow(path, () => true).reduce((sum, file) => sum + statSync(file).size, 0);
    return { path, bytes, time: statSync(path).mtimeMs };
  });
  let total = caches.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { path, bytes } of caches.sort((a, b) => a.time - b.time)) {
    if (total <= maxBytes) break;
    if (path === own) continue;
    rmSync(path, { recursive: true, force: true });
    total -= bytes;
  }
  return caches.find(({ path }) => path === own)?.bytes ?? 0;
}
