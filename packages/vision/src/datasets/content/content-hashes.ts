import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { plural } from "@classifier-training/base";
import type { ImageDataset } from "../dataset.ts";
import { openSource } from "../source.ts";
import type { SourceSpec } from "../source-spec.ts";
import { storedBytes } from "../stored-bytes.ts";
import { HashCache, type KnownHashes } from "./hash-cache.ts";
import { hashImage } from "./image-hashes.ts";

export interface HashOptions {
  /** The folder or file that the images belong to: their hashes are kept in the user's cache under it. */
  readonly root: string;
  /** Whether images are decoded, to find equal and nearly equal ones in other files; by default, unless it takes long. */
  readonly decode?: boolean | "auto" | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ContentHashes {
  /** Of each image, in the order of the dataset. */
  readonly known: readonly KnownHashes[];
  /** Why images were not decoded. */
  readonly notDecoded: string | undefined;
}

/** Images that are decoded unless asked otherwise, at most. */
const maxDecoded = 50_000;
const inFlight = 8;
const longestTurnMs = 50;

/**
 * Hashes of the content of all images of a dataset: of each file's bytes and, for near duplicates, of its pixels. Files that
 * cannot be read are `unreadable`: whoever trains on them says what is wrong.
 */
export async function hashDataset(dataset: ImageDataset, options: HashOptions): Promise<ContentHashes> {
  const { root, decode = "auto", onProgress, signal } = options;
  const decodes = decode === "auto" ? dataset.length <= maxDecoded : decode;
  const source = await openSource(dataset.source);
  const cache = new HashCache(root, reading(dataset.source));
  const known = new Array<KnownHashes>(dataset.length);
  let isNew = false;
  let next = 0;
  let done = 0;
  let turned = performance.now();
  const work = async () => {
    for (let i = next++; i < dataset.length; i = next++) {
      // Nothing here waits for a file: without a turn no timer and no signal would come through.
      if (performance.now() - turned > longestTurnMs) {
        await turn();
        turned = performance.now();
      }
      signal?.throwIfAborted();
      const stamp = cache.stamp(dataset.paths[i] as string);
      const found = stamp && cache.get(stamp);
      const bytes = found?.bytes ?? hashBytes(dataset.source, i);
      const image = decodes ? (found?.image ?? (await hashImage(async () => source.read(i)))) : undefined;
      known[i] = { bytes, image };
      if (stamp !== undefined && bytes !== unreadable && (found === undefined || (decodes && !found.image))) {
        cache.set(stamp, known[i] as KnownHashes);
        isNew = true;
      }
      onProgress?.(++done, dataset.length);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, work));
  if (isNew) cache.save();
  const notDecoded = decodes
    ? undefined
    : `near duplicates were not looked for${decode === "auto" ? ` in ${plural(dataset.length, "image")}` : ""}`;
  return { known, notDecoded };
}

function hashBytes(source: SourceSpec, i: number): string {
  try {
    return createHash("sha256").update(storedBytes(source, i)).digest("hex").slice(0, 32);
  } catch {
    return unreadable;
  }
}

/** In place of a hash, where a file cannot be read. */
export const unreadable = "unreadable";

/** How a source decodes images, whichever and wherever they are. */
function reading(source: SourceSpec): string {
  return JSON.stringify(source, (_, value: unknown) =>
    ArrayBuffer.isView(value) || (Array.isArray(value) && typeof value[0] !== "object") ? undefined : value,
  );
}
