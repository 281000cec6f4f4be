import { byteImage, type Image, isByteImage } from "@classifier-training/image";
import { DiskCache } from "./disk-cache.ts";
import type { CachedSpec, ImageSource, RamCacheSpec } from "./source-spec.ts";

const absent = 0;
const writing = 1;
const ready = 2;
const unit = 64;

/** Reads through the cache. An image that does not fit into what is left is decoded each time. */
export function cachedSource(spec: CachedSpec, inner: ImageSource): ImageSource {
  const disk = spec.disk === undefined ? undefined : new DiskCache(spec.disk);
  const { ram } = spec;
  const throughDisk = async (index: number) => {
    const kept = disk?.read(index);
    if (kept) return kept;
    const image = await inner.read(index);
    disk?.write(index, image);
    return image;
  };
  return {
    nameOf: (index) => inner.nameOf(index),
    read(index) {
      if (ram === undefined) return throughDisk(index);
      return readRam(ram, index) ?? throughDisk(index).then((image) => keepInRam(ram, index, image));
    },
  };
}

function readRam({ table, arena }: RamCacheSpec, index: number): Image | undefined {
  if (Atomics.load(table, 4 * index) !== ready) return undefined;
  const [place = 0, width = 0, height = 0] = table.subarray(4 * index + 1, 4 * index + 4);
  return byteImage(new Uint8Array(arena, place * unit, width * height * 3), width, height);
}

function keepInRam({ table, arena, used }: RamCacheSpec, index: number, image: Image): Image {
  if (!isByteImage(image) || image.channels !== 3) return image;
  if (Atomics.compareExchange(table, 4 * index, absent, writing) !== absent) return image;
  const units = Math.ceil(image.data.length / unit);
  const place = Atomics.add(used, 0, units);
  if ((place + units) * unit > arena.byteLength) {
    // Full: give the room back for a smaller image, and leave this one for good.
    Atomics.sub(used, 0, units);
    return image;
  }
  new Uint8Array(arena, place * unit, image.data.length).set(image.data);
  table.set([place, image.width, image.height], 4 * index + 1);
  Atomics.store(table, 4 * index, ready);
  return image;
}

/** An empty cache in shared memory for `count` images, of at most `maxBytes`. Pages are taken when first written. */
export function createRamCache(count: number, maxBytes: number): RamCacheSpec {
  return {
    arena: new SharedArrayBuffer(Math.ceil(maxBytes / unit) * unit),
    used: new Int32Array(new SharedArrayBuffer(4)),
    table: new Int32Array(new SharedArrayBuffer(16 * count)),
  };
}

/** Images and bytes that a cache in memory holds. */
export function ramCacheUse({ table, used }: RamCacheSpec): { images: number; bytes: number } {
  let images = 0;
  for (let i = 0; i < table.length; i += 4) if (Atomics.load(table, i) === ready) images++;
  return { images, bytes: Atomics.load(used, 0) * unit };
}
