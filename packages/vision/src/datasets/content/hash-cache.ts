import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { cacheFolder, getLogger, trimCache, writeFileAtomic } from "@classifier-training/base";
import { decoderVersion } from "@classifier-training/image";
import type { ImageHashes } from "./image-hashes.ts";

/** What is known of an image's file. */
export interface KnownHashes {
  /** SHA-256 of its bytes, the first 32 hexadecimal digits. */
  readonly bytes: string;
  /** Undefined where it was not decoded; a text says why it cannot be. */
  readonly image?: ImageHashes | string | undefined;
}

type Line = [path: string, size: number, time: number, bytes: string, ...image: (string | number)[]];

const maxBytes = 2 ** 29;

/**
 * The hashes of the images below a folder, in the user's cache: found again by path, size and time of change of the file
 * that an image is in. Without a cache that can be read or written, all images are hashed.
 */
export class HashCache {
  readonly #root: string;
  readonly #file: string;
  readonly #head: string;
  readonly #known = new Map<string, Line>();

  /** @param reading how the images are decoded: those decoded in another way are not found */
  constructor(root: string, reading: string) {
    this.#root = resolve(root);
    this.#head = JSON.stringify({ formatVersion: 1, decoderVersion, reading });
    const key = createHash("sha256").update(`${this.#root}\n${this.#head}`).digest("hex");
    this.#file = join(cacheFolder("hashes"), `${key.slice(0, 16)}.jsonl`);
    try {
      const [head, ...lines] = existsSync(this.#file) ? readFileSync(this.#file, "utf8").split("\n") : [];
      if (head !== this.#head) return;
      for (const line of lines) {
        if (line === "") continue;
        const known = JSON.parse(line) as Line;
        this.#known.set(known[0], known);
      }
    } catch {
      this.#known.clear();
    }
  }

  /** The key of an image's file as it is now; undefined where the file is missing. */
  stamp(path: string): readonly [path: string, size: number, time: number] | undefined {
    const stat =
      statSync(path, { throwIfNoEntry: false }) ??
      // A member of an archive.
      statSync(path.slice(0, Math.max(0, path.lastIndexOf("!"))) || path, { throwIfNoEntry: false });
    return stat && [relative(this.#root, resolve(path)), stat.size, stat.mtimeMs];
  }

  get([path, size, time]: readonly [string, number, number]): KnownHashes | undefined {
    const line = this.#known.get(path);
    if (line === undefined || line[1] !== size || line[2] !== time) return undefined;
    const [, , , bytes, ...image] = line;
    if (image.length <= 1) return { bytes, image: image[0] as string | undefined };
    const [width, height, pixels, high, low, thumbnail] = image as [number, number, string, number, number, string];
    return {
      bytes,
      image: { width, height, pixels, bits: [high, low], thumbnail: Uint8Array.from(Buffer.from(thumbnail, "base64")) },
    };
  }

  /** Keeps what is known of an image for the next time. */
  set(stamp: readonly [string, number, number], { bytes, image }: KnownHashes): void {
    const rest =
      image === undefined || typeof image === "string"
        ? [image].filter((why) => why !== undefined)
        : [image.width, image.height, image.pixels, ...image.bits, Buffer.from(image.thumbnail).toString("base64")];
    this.#known.set(stamp[0], [...stamp, bytes, ...rest]);
  }

  /** Writes what is known, and removes the files that were not used for longest until the rest fits. */
  save(): void {
    try {
      const folder = cacheFolder("hashes");
      mkdirSync(folder, { recursive: true });
      const lines = [...this.#known.values()].filter(([path]) => this.stamp(resolve(this.#root, path)) !== undefined);
      writeFileAtomic(this.#file, [this.#head, ...lines.map((line) => JSON.stringify(line)), ""].join("\n"));
      trimCache(folder, maxBytes, this.#file);
    } catch (error) {
      log.debug(`the hashes of the images are not kept: ${(error as Error).message}`);
    }
  }
}

const log = getLogger("vision.data");
