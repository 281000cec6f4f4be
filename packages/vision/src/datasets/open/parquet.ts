import { closeSync, openSync, readSync, statSync } from "node:fs";
import { basename } from "node:path";
import * as zlib from "node:zlib";
import { getLogger } from "@classifier-training/base";
import type { AsyncBuffer, FileMetaData, SchemaTree } from "hyparquet";
import { VisionError } from "../../errors.ts";
import { readTarEntries } from "../tar.ts";
import type { Archive } from "./archive-tree.ts";
import { cachedFile } from "./archives.ts";
import { TarWriter } from "./tar-writer.ts";

const log = getLogger("classifier.data");

/** The rows of a Parquet file, by column. */
export interface ParquetRows {
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** The images that the file holds; in the rows stand their names. */
  readonly archive?: Archive;
}

/**
 * Reads a Parquet file. Class labels that Hugging Face's metadata name become these names. Images that are in the file are
 * unpacked into the user's cache once, because the pages of a column cannot be read image by image.
 * @throws VisionError naming the file, when it is not one, or compressed in a way that is not read
 */
export async function readParquet(file: string, bytes?: Uint8Array): Promise<ParquetRows> {
  const { parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import("hyparquet");
  const source = bytes === undefined ? openFile(file) : inMemory(bytes);
  try {
    const metadata = await parquetMetadataAsync(source.buffer);
    const { children } = parquetSchema(metadata);
    const columns = children.map(({ element }) => element.name);
    const image = children.find(holdsImages)?.element.name;
    const others = columns.filter((column) => column !== image);
    const read = { file: source.buffer, metadata, compressors };
    const rows = others.length === 0 ? [] : await parquetReadObjects({ ...read, columns: others });
    const named = withClassNames(rows.map(plain), metadata);
    if (image === undefined) return { columns, rows: named };
    const archive = await unpacked(
      file,
      async function* () {
        let rowStart = 0;
        // A part of a row group would be decompressed with all of it.
        for (const { num_rows } of metadata.row_groups) {
          const rowEnd = rowStart + Number(num_rows);
          yield* await parquetReadObjects({ ...read, columns: [image], rowStart, rowEnd, utf8: false });
          rowStart = rowEnd;
        }
      },
      image,
    );
    const names = new Map(archive.entries.map(({ name }) => [Number.parseInt(name, 10), name]));
    return {
      columns,
      archive,
      rows: Array.from({ length: Number(metadata.num_rows) }, (_, i) => ({ ...named[i], [image]: names.get(i) ?? "" })),
    };
  } catch (error) {
    if (VisionError.is(error)) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new VisionError({
      code: "vision/listing",
      what: `${file} is not a Parquet file that can be read: ${why}`,
      ...(/compress/i.test(why) && { fix: "write it with compression snappy, gzip, brotli or none" }),
      cause: error,
    });
  } finally {
    source.close();
  }
}

type Decompress = (bytes: Uint8Array) => Uint8Array;
const zstd = (zlib as { zstdDecompressSync?: Decompress }).zstdDecompressSync;
const compressors = {
  GZIP: (bytes: Uint8Array) => zlib.gunzipSync(bytes),
  BROTLI: (bytes: Uint8Array) => zlib.brotliDecompressSync(bytes),
  ...(zstd !== undefined && { ZSTD: (bytes: Uint8Array) => zstd(bytes) }),
};

/** Whether a column holds encoded images: Hugging Face's struct of `bytes` and `path`, or bytes that are not text. */
function holdsImages({ element, children }: SchemaTree): boolean {
  if (children.some((child) => child.element.name === "bytes")) return true;
  const isText = element.converted_type !== undefined || element.logical_type !== undefined;
  return element.type === "BYTE_ARRAY" && !isText && /^(image|img|jpg|jpeg|png|bytes|image_bytes)$/i.test(element.name);
}

/** Writes the images of the rows into a tar file of the user's cache, under the number of their row. */
async function unpacked(
  file: string,
  rows: () => AsyncIterable<Readonly<Record<string, unknown>>>,
  column: string,
): Promise<Archive> {
  const tar = await cachedFile("archives", file, ".tar", async (unfinished) => {
    log.info(`unpacking the images of ${file} (once)`);
    const writer = new TarWriter(unfinished);
    try {
      let row = 0;
      for await (const values of rows()) {
        const { bytes, path } = imageOf(values[column]);
        if (bytes !== undefined) writer.add(nameOf(row, path, bytes), bytes);
        row++;
      }
    } finally {
      writer.close();
    }
  });
  return { name: file, file: tar, entries: readTarEntries(tar) };
}

function imageOf(value: unknown): { bytes?: Uint8Array; path?: string } {
  if (value instanceof Uint8Array) return { bytes: value };
  const { bytes, path } = (value ?? {}) as { bytes?: unknown; path?: unknown };
  return {
    ...(bytes instanceof Uint8Array && { bytes }),
    ...(typeof path === "string" && { path }),
  };
}

function nameOf(row: number, path: string | undefined, bytes: Uint8Array): string {
  const stem = String(row).padStart(6, "0");
  if (path !== undefined && path !== "") return `${stem}-${basename(path)}`;
  return `${stem}.${bytes[0] === 0x89 ? "png" : bytes[0] === 0x52 ? "webp" : "jpg"}`;
}

/** Names in place of the numbers of `ClassLabel` features, which Hugging Face describes in the file's metadata. */
function withClassNames(rows: readonly Readonly<Record<string, unknown>>[], { key_value_metadata }: FileMetaData) {
  const text = key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  const names = text === undefined ? {} : classNames(text);
  const columns = Object.keys(names);
  if (columns.length === 0) return rows;
  return rows.map((row) => ({
    ...row,
    ...Object.fromEntries(columns.map((column) => [column, named(row[column], names[column] as readonly string[])])),
  }));
}

/** Numbers in place of 64-bit integers, which JSON has not. */
function plain(row: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) values[column] = typeof value === "bigint" ? Number(value) : value;
  return values;
}

function named(value: unknown, names: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((one) => named(one, names));
  // -1 stands for an image without a label.
  return typeof value === "number" || typeof value === "bigint" ? (names[Number(value)] ?? null) : value;
}

interface Feature {
  readonly names?: readonly string[];
  readonly feature?: Feature;
}

function classNames(text: string): Record<string, readonly string[]> {
  try {
    const { info } = JSON.parse(text) as { info?: { features?: Record<string, Feature> } };
    return Object.fromEntries(
      Object.entries(info?.features ?? {}).flatMap(([column, feature]) => {
        const names = feature.names ?? feature.feature?.names;
        return Array.isArray(names) ? [[column, names.map(String)]] : [];
      }),
    );
  } catch {
    return {};
  }
}

interface OpenedFile {
  readonly buffer: AsyncBuffer;
  close(): void;
}

function openFile(path: string): OpenedFile {
  const { size } = statSync(path);
  const file = openSync(path, "r");
  return {
    buffer: {
      byteLength: size,
      slice(start, end = size) {
        const bytes = new ArrayBuffer(Math.max(0, Math.min(end, size) - start));
        readSync(file, new Uint8Array(bytes), 0, bytes.byteLength, start);
        return bytes;
      },
    },
    close: () => closeSync(file),
  };
}

function inMemory(bytes: Uint8Array): OpenedFile {
  const buffer = bytes.slice().buffer as ArrayBuffer;
  return {
    buffer: { byteLength: buffer.byteLength, slice: (start, end) => buffer.slice(start, end) },
    close: () => {},
  };
}
