import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { threadId } from "node:worker_threads";
import { byteImage, type Image, isByteImage } from "@classifier-training/image";

/** Where decoded images are kept on disk. */
export interface DiskCacheSpec {
  /** Folder of this version of the data: its name is a hash of the files' names, sizes and times. */
  readonly folder: string;
  readonly maxBytes: number;
  /** Bytes in use by all threads of the process, in units of 4096. */
  readonly used: Int32Array<SharedArrayBuffer>;
}

interface Place {
  readonly pack: string;
  readonly offset: number;
  readonly width: number;
  readonly height: number;
}

const recordBytes = 32;
const magic = 0x43544331;
const page = 4096;

/**
 * Decoded images in pack files that are only ever appended to, one per writing thread, each with a list of what it
 * holds. A record is written after its pixels, so a partially written one is never seen. Reads go through the system's page cache,
 * which keeps hot images in memory as a mapping would.
 */
export class DiskCache {
  readonly #spec: DiskCacheSpec;
  readonly #places = new Map<number, Place>();
  readonly #open = new Map<string, number>();
  #own: { pack: string; packFile: number; listFile: number; end: number } | undefined;

  constructor(spec: DiskCacheSpec) {
    this.#spec = spec;
    mkdirSync(spec.folder, { recursive: true });
    for (const name of readdirSync(spec.folder)) if (name.endsWith(".list")) this.#readList(name);
  }

  #readList(name: string): void {
    const pack = join(this.#spec.folder, name.replace(/\.list$/, ".pack"));
    const bytes = readFileSync(join(this.#spec.folder, name));
    const size = statSync(pack, { throwIfNoEntry: false })?.size ?? 0;
    for (let at = 0; at + recordBytes <= bytes.length; at += recordBytes) {
      const [index, width, height] = [
        bytes.readUInt32LE(at + 4),
        bytes.readUInt32LE(at + 8),
        bytes.readUInt32LE(at + 12),
      ];
      const offset = bytes.readDoubleLE(at + 16);
      if (bytes.readUInt32LE(at) !== magic || offset + width * height * 3 > size) continue;
      this.#places.set(index, { pack, offset, width, height });
    }
  }

  /** The image, if it is here. */
  read(index: number): Image | undefined {
    const place = this.#places.get(index);
    if (place === undefined) return undefined;
    let file = this.#open.get(place.pack);
    if (file === undefined) {
      file = openSync(place.pack, "r");
      this.#open.set(place.pack, file);
    }
    const data = new Uint8Array(place.width * place.height * 3);
    if (readSync(file, data, 0, data.length, place.offset) !== data.length) return undefined;
    return byteImage(data, place.width, place.height);
  }

  /** Keeps an image, unless the cache is full. */
  write(index: number, image: Image): void {
    if (!isByteImage(image) || image.channels !== 3) return;
    const pages = Math.ceil(image.data.length / page);
    if ((Atomics.add(this.#spec.used, 0, pages) + pages) * page > this.#spec.maxBytes) {
      Atomics.sub(this.#spec.used, 0, pages);
      return;
    }
    const own = this.#ownPack();
    const { width, height, data } = image;
    for (let done = 0; done < data.length; ) {
      done += writeSync(own.packFile, data, done, data.length - done, own.end + done);
    }
    const record = Buffer.alloc(recordBytes);
    record.writeUInt32LE(magic, 0);
    record.writeUInt32LE(index, 4);
    record.writeUInt32LE(width, 8);
    record.writeUInt32LE(height, 12);
    record.writeDoubleLE(own.end, 16);
    writeSync(own.listFile, record);
    this.#places.set(index, { pack: own.pack, offset: own.end, width, height });
    own.end += data.length;
  }

  #ownPack() {
    if (this.#own) return this.#own;
    // A name of its own for each process and thread: nothing is ever written by two.
    const stem = join(this.#spec.folder, `${process.pid}-${threadId}-${Date.now()}`);
    const pack = `${stem}.pack`;
    this.#own = { pack, packFile: openSync(pack, "wx+"), listFile: openSync(`${stem}.list`, "wx"), end: 0 };
    return this.#own;
  }

  close(): void {
    for (const file of this.#open.values()) closeSync(file);
    if (this.#own) {
      closeSync(this.#own.packFile);
      closeSync(this.#own.listFile);
    }
    this.#open.clear();
    this.#own = undefined;
  }
}
