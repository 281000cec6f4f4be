import type { DecodeOptions, Image, RegionOf } from "@classifier-training/image";
import type { DiskCacheSpec } from "./disk-cache.ts";

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
      /** What each is called: `ARCHIVE!NAME`. */
      readonly names: readonly string[];
      readonly decode?: DecodeOptions;
    }
  | CachedSpec
  | SteppedSpec
  | ConcatSpec
  | { readonly kind: "subset"; readonly of: SourceSpec; readonly indices: Int32Array };

/** A source whose decoded images are kept, in shared memory or on disk; all threads use the same cache. */
export interface CachedSpec {
  readonly kind: "cached";
  readonly of: SourceSpec;
  readonly ram?: RamCacheSpec;
  readonly disk?: DiskCacheSpec;
}

/** Decoded images in shared memory. */
export interface RamCacheSpec {
  /** The pixels. */
  readonly arena: SharedArrayBuffer;
  /** Bytes of the arena in use, in units of 64. */
  readonly used: Int32Array<SharedArrayBuffer>;
  /** state, place in the arena (in units of 64 bytes), width and height of each image. */
  readonly table: Int32Array<SharedArrayBuffer>;
}

/** Several sources, one after the other. */
export interface ConcatSpec {
  readonly kind: "concat";
  readonly parts: readonly { readonly of: SourceSpec; readonly length: number }[];
}

/** A source whose images go through a step. */
export interface SteppedSpec {
  readonly kind: "stepped";
  readonly of: SourceSpec;
  readonly step: ImageStep;
}

/**
 * A step between the decoded image and its transforms, run by the thread that reads the image. Plain data: worker threads
 * create the step from the module that defines it, and share the shared arrays in its options.
 */
export interface ImageStep {
  readonly name: string;
  /** URL of the defining module. */
  readonly module: string;
  readonly options: unknown;
}

/** Reads images by index. */
export interface ImageSource {
  /** @param regionOf what will be read of it; a source may make the rest anything. */
  read(index: number, regionOf?: RegionOf): Promise<Image> | Image;
  /** What an image is called in messages. */
  nameOf(index: number): string;
}
