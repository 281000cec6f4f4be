import { byteImage, type DecodeOptions, decodeImage, type RegionOf, readImageBytes } from "@classifier-training/image";
import { z } from "zod";
import { cachedSource } from "./cached-source.ts";
import { steppedSource } from "./image-step.ts";
import type { ConcatSpec, ImageSource, SourceSpec } from "./source-spec.ts";
import { storedBytes } from "./stored-bytes.ts";

/** Options of every dataset whose images are files: how they are decoded. */
export const decodeOptions = {
  /** Pixels that an image may have at most; 100 million by default. */
  maxPixels: z.number().int().positive().optional(),
  /** Whether images are turned as their EXIF orientation says. */
  exifOrientation: z.boolean().default(false),
};

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
  const nameOf = (index: number) => spec.names[index] ?? `image ${index}`;
  return {
    nameOf,
    read: (index, regionOf) => decodeImage(storedBytes(spec, index), { ...spec.decode, name: nameOf(index), regionOf }),
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

/** @param inner the opened parts of the spec, in its order */
function concatSource({ parts }: ConcatSpec, inner: readonly ImageSource[]): ImageSource {
  const locate = (index: number): [source: ImageSource, index: number] => {
    let rest = index;
    let part = 0;
    while (part < parts.length - 1 && rest >= (parts[part]?.length ?? 0)) rest -= parts[part++]?.length ?? 0;
    return [inner[part] as ImageSource, rest];
  };
  return {
    read(index, regionOf?: RegionOf) {
      const [source, at] = locate(index);
      return source.read(at, regionOf);
    },
    nameOf(index) {
      const [source, at] = locate(index);
      return source.nameOf(at);
    },
  };
}
