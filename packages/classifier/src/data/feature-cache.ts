import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, getLogger, trimCache, writeFileAtomic } from "@classifier-training/base";

const log = getLogger("classifier.data");

/** Of all networks, and of one. */
const maxBytes = 2 ** 30;
const maxFileBytes = 2 ** 28;
const hashBytes = 16;

/** What a network says of an image. */
export interface ImageDescription {
  /** Before its head: F values. */
  readonly features: Float32Array;
  /** Empty where only the features are wanted. */
  readonly logits: Float32Array;
}

/**
 * What a network said of images, by the content hash of their files: one file for each network, in the user's cache. A line
 * of JSON with sizes and SHA-256 of the rest; 16 bytes of each content hash; float32 features and logits of each image.
 */
export class FeatureCache {
  readonly #folder = cacheFolder("features");
  readonly #file: string;
  readonly #known = new Map<string, ImageDescription>();
  #isNew = false;

  /** @param network what identifies its weights and its preprocessing */
  constructor(network: string) {
    this.#file = join(this.#folder, `${createHash("sha256").update(network).digest("hex").slice(0, 32)}.bin`);
    try {
      this.#read(readFileSync(this.#file));
      utimesSync(this.#file, new Date(), new Date());
    } catch {
      // None yet, or a damaged one: the network is asked again.
      this.#known.clear();
    }
  }

  #read(bytes: Buffer): void {
    const end = bytes.indexOf("\n");
    const head = JSON.parse(bytes.toString("utf8", 0, end)) as Record<"features" | "logits" | "count", number> & {
      readonly sha256: string;
    };
    const body = bytes.subarray(end + 1);
    if (createHash("sha256").update(body).digest("hex") !== head.sha256) return;
    const { features, logits, count } = head;
    const values = new Float32Array(
      body.buffer.slice(body.byteOffset + count * hashBytes, body.byteOffset + body.length),
    );
    for (let i = 0; i < count; i++) {
      const at = i * (features + logits);
      this.#known.set(body.toString("hex", i * hashBytes, (i + 1) * hashBytes), {
        features: values.slice(at, at + features),
        logits: values.slice(at + features, at + features + logits),
      });
    }
  }

  get(content: string): ImageDescription | undefined {
    return this.#known.get(content);
  }

  set(content: string, description: ImageDescription): void {
    // A file that could not be read has no hash.
    if (!/^[0-9a-f]{32}$/.test(content)) return;
    this.#known.set(content, description);
    this.#isNew = true;
  }

  /** Writes what is known; without a cache that can be written, nothing is kept. */
  save(): void {
    const [first] = this.#known.values();
    if (!this.#isNew || first === undefined) return;
    const [features, logits] = [first.features.length, first.logits.length];
    const size = hashBytes + 4 * (features + logits);
    const known = [...this.#known].slice(-Math.floor(maxFileBytes / size));
    const body = Buffer.alloc(known.length * size);
    for (const [i, [content, row]] of known.entries()) {
      body.write(content, i * hashBytes, "hex");
      const values = new Float32Array(features + logits);
      values.set(row.features);
      values.set(row.logits, features);
      Buffer.from(values.buffer).copy(body, known.length * hashBytes + i * values.byteLength);
    }
    const sha256 = createHash("sha256").update(body).digest("hex");
    const head = JSON.stringify({ formatVersion: 1, features, logits, count: known.length, sha256 });
    try {
      mkdirSync(this.#folder, { recursive: true });
      writeFileAtomic(this.#file, Buffer.concat([Buffer.from(`${head}\n`), body]));
      trimCache(this.#folder, maxBytes, this.#file);
      this.#isNew = false;
    } catch (error) {
      log.debug(`the features of the images are not kept: ${(error as Error).message}`);
    }
  }
}
