import type { RegionOf } from "@classifier-training/image";
import { byteImage, type DecodeOptions, decodeImage, type Image, readImageBytes } from "@classifier-training/image";
import { z } from "zod";
import { type CachedSpec, cachedSource } from "./cached-source.ts";
import { type ConcatSpec, concatSource } from "./concat-source.ts";
import { type SteppedSpec, steppedSource } from "./image-step.ts";
import { readEntry } from "./read-entry.ts";

/** Where a dataset's images are, as plain data that a worker thread can be given. */
export type SourceSpec =
  | { readonly kind: "files"; readonly paths: readonly string[]; readonly decode?: DecodeOptions }
  | {
      /** Decoded pixels, one after the other, all of one size. */
      readonly kind: "pixels";
      readonly data: Uint8Array<SharedArrayBuffer>;
      readonly width: number;
      readonly height: number;
      readonly channels: 1 | 3;
    }
  | {
      /** Members of archives. */
      readonly kind: "shards";
      readonly shards: readonly string[];
      readonly shard: Int32Array;
      readonly offset: Float64Array;
      readonly length: Int32Array;
      readonly deflated: Uint8Array;
      readonly names: readonly string[];
      readonly decode?: DecodeOptions;
    }
  | CachedSpec
  | SteppedSpec
  | ConcatSpec
  | { readonly kind: "subset"; readonly of: SourceSpec; readonly indices: Int32Array };

/** Options of every dataset whose images are files: how they are decoded. */
export const decodeOptions = {
  /** Pixels that an image may have at most; 100 million by default. */
  maxPixels: z.number().int().positive().optional(),
  /** Whether images are turned as their EXIF orientation says. */
  exifOrientation: z.boolean().default(false),
};

/** Reads images by index. */
export interface ImageSource {
  /** @param regionOf what will be read of it; a source may make the rest anything. */
  read(index: number, regionOf?: RegionOf): Promise<Image> | Image;
  /** What an image is called in messages. */
  nameOf(index: number): string;
}

/** Opens the images of a spec; in a worker or in the main thread. */
export async function openSource(spec: SourceSpec): Promise<ImageSource> {
  switch (spec.kind) {
    case "files":
      return fileSource(spec.paths, spec.decode);
    case "pixels":
      return pixelSource(spec);
    case "shards":
      return shardSource(spec);
    case "cached":
      return cachedSource(spec, await openSource(spec.of));
    case "stepped":
      return steppedSource(spec, await openSource(spec.of));
    case "concat":
      return concatSource(spec, await Promise.all(spec.parts.map(({ of }) => openSource(of))));
    case "subset": {
      const inner = await openSource(spec.of);
      const at = (index: number) => spec.indices[index] as number;
      return { read: (index, regionOf) => inner.read(at(index), regionOf), nameOf: (index) => inner.nameOf(at(index)) };
    }
  }
}

function fileSource(paths: readonly string[], decode: DecodeOptions = {}): ImageSource {
  return {
    nameOf: (index) => paths[index] ?? `image ${index}`,
    async read(index, regionOf) {
      const path = paths[index] as string;
      return decodeImage(await readImageBytes(path), { ...decode, name: path, regionOf });
    },
  };
}

function shardSource(spec: Extract<SourceSpec, { kind: "shards" }>): ImageSource {
  const nameOf = (index: number) => `${spec.shards[spec.shard[index] as number]}!${spec.names[index]}`;
  return {
    nameOf,
    read(index, regionOf) {
      const shard = spec.shards[spec.shard[index] as number] as string;
      const [offset, length] = [spec.offset[index] as number, spec.length[index] as number];
      const bytes = readEntry(shard, { offset, length, deflated: spec.deflated[index] === 1 }, spec.names[index] ?? "");
      return decodeImage(bytes, { ...spec.decode, name: nameOf(index), regionOf });
    },
  };
}

function pixelSource({ data, width, height, channels }: Extract<SourceSpec, { kind: "pixels" }>): ImageSource {
  const area = width * height;
  return {
    nameOf: (index) => `image ${index}`,
    read(index) {
      const pixels = data.subarray(index * area * channels, (index + 1) * area * channels);
      if (channels === 3) return byteImage(pixels, width, height);
      const out = new Uint8Array(area * 3);
      for (let i = 0; i < area; i++) out.fill(pixels[i] as number, 3 * i, 3 * i + 3);
      return byteImage(out, width, height);
    },
  };
}
