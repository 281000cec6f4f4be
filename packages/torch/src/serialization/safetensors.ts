import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { crc32 } from "node:zlib";
import { bind } from "../ops/dispatch.ts";
import { scope } from "../scope.ts";
import type { Device, DType } from "../tensor/dtype.ts";
import { fromBuffer } from "../tensor/from-memory.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { badFile } from "./errors.ts";
import { RandomAccessFile } from "./random-access-file.ts";
import {
  encodeHeader,
  headerLength,
  inByteOrder,
  layOut,
  parseHeader,
  type SafetensorsDtype,
  type SafetensorsHeader,
  safetensorsDtypes,
  type TensorEntry,
} from "./safetensors-header.ts";

/** Tensors by name, and texts about them. */
export interface SafetensorsFile {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
}

const formatNames: ReadonlyMap<DType, SafetensorsDtype> = new Map(
  Object.entries(safetensorsDtypes).map(([name, { dtype }]) => [dtype, name as SafetensorsDtype]),
);

/** The key under which `saveSafetensors` keeps the CRC-32 of the data, in hexadecimal. Other writers have none. */
const checksumKey = "data_crc32";

function entriesOf(tensors: ReadonlyMap<string, Tensor>): TensorEntry[] {
  return layOut(
    [...tensors].map(([name, { dtype: own, shape }]) => {
      const dtype = formatNames.get(own);
      if (dtype === undefined) throw badFile(`tensor '${name}'`, `safetensors has no dtype for ${own}`);
      if (name === "__metadata__") throw badFile(`tensor '${name}'`, "a tensor cannot have this name in safetensors");
      return { name, dtype, shape };
    }),
  );
}

/**
 * Writes tensors to a file, one after another, without a second copy of them in memory. The file appears whole or not
 * at all: it is written under another name, synchronised, and renamed. A CRC-32 of the data goes into the metadata.
 * @throws SerializationError for a dtype that the format lacks
 */
export function saveSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const entries = entriesOf(tensors);
  const header = (checksum: number) => encodeHeader(entries, withChecksum(metadata, checksum));
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(temporary, "w");
    try {
      let position = writeAll(file, header(0), 0);
      let checksum = 0;
      for (const { name } of inByteOrder(entries)) {
        const bytes = (tensors.get(name) as Tensor).bytes();
        checksum = extend(checksum, bytes);
        position = writeAll(file, bytes, position);
      }
      writeAll(file, header(checksum), 0);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** The bytes of a safetensors file. */
export function serializeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = entriesOf(tensors);
  const ordered = inByteOrder(entries).map(({ name }) => (tensors.get(name) as Tensor).bytes());
  const checksum = ordered.reduce(extend, 0);
  return Buffer.concat([encodeHeader(entries, withChecksum(metadata, checksum)), ...ordered]);
}

/** `format: "pt"` is what Python's readers look for. Always of one length, so that the true checksum fits in later. */
function withChecksum(metadata: Readonly<Record<string, string>>, checksum: number): Record<string, string> {
  return { format: "pt", ...metadata, [checksumKey]: checksum.toString(16).padStart(8, "0") };
}

/** The CRC-32 of what `checksum` covers and then `bytes`. (zlib takes no bytes at all for a request to start over.) */
function extend(checksum: number, bytes: Uint8Array): number {
  return bytes.byteLength === 0 ? checksum : crc32(bytes, checksum);
}

function writeAll(file: number, bytes: Uint8Array, position: number): number {
  let done = 0;
  // One call writes at most 2 GiB.
  while (done < bytes.byteLength) {
    done += writeSync(file, bytes, done, Math.min(bytes.byteLength - done, 2 ** 30), position + done);
  }
  return position + done;
}

export interface LoadSafetensorsOptions {
  readonly device?: Device;
  /**
   * Maps the file into memory instead of reading it: pages are read when they are used, and copied when they are
   * changed. The file must stay as it is while the tensors live. The checksum is not compared.
   */
  readonly mmap?: boolean;
  /** Compares the checksum, where there is one. True by default. */
  readonly verify?: boolean;
}

/**
 * Reads a safetensors file, each tensor straight into memory of its own.
 * @throws SerializationError if the file is cut off, damaged, or not what the format allows
 */
export function loadSafetensors(path: string, options: LoadSafetensorsOptions = {}): SafetensorsFile {
  const { device = "cpu", mmap = false, verify = true } = options;
  const file = new RandomAccessFile(path);
  try {
    const length = headerLength(file.read(0, Math.min(8, file.size)), file.size, path);
    const header = parseHeader(file.read(8, length), file.size - 8 - length, path);
    const start = 8 + length;
    if (mmap && file.size > start) return result(header, mapped(path, file.size, header, start), device);
    const read = ({ begin, end }: TensorEntry) => file.read(start + begin, end - begin);
    return result(header, readEach(header, read, verify ? path : undefined), device);
  } finally {
    file[Symbol.dispose]();
  }
}

/** Reads the bytes of a safetensors file; the tensors are copies. */
export function deserializeSafetensors(bytes: Uint8Array, where = "safetensors data"): SafetensorsFile {
  const length = headerLength(bytes, bytes.byteLength, where);
  const start = 8 + length;
  const header = parseHeader(bytes.subarray(8, start), bytes.byteLength - start, where);
  const read = ({ begin, end }: TensorEntry) => new Uint8Array(bytes.subarray(start + begin, start + end));
  return result(header, readEach(header, read, where), "cpu");
}

function readEach(
  { entries, metadata }: SafetensorsHeader,
  read: (entry: TensorEntry) => Uint8Array<ArrayBuffer>,
  verifyWhere: string | undefined,
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  let checksum = 0;
  for (const entry of inByteOrder(entries)) {
    const bytes = read(entry);
    if (verifyWhere !== undefined) checksum = extend(checksum, bytes);
    const { dtype } = safetensorsDtypes[entry.dtype];
    tensors.set(entry.name, fromBuffer(bytes.buffer, bytes.byteOffset, entry.shape, dtype));
  }
  const expected = metadata[checksumKey];
  if (verifyWhere !== undefined && expected !== undefined && Number.parseInt(expected, 16) !== checksum) {
    const found = checksum.toString(16).padStart(8, "0");
    throw badFile(verifyWhere, `the checksum of its data is ${found}, it should be ${expected}: the file is damaged`);
  }
  return tensors;
}

const atenFromFile = bind("aten::from_file");
const atenViewDtype = bind("aten::view.dtype");

function mapped(path: string, size: number, { entries }: SafetensorsHeader, start: number): Map<string, Tensor> {
  return scope(() => {
    const whole = atenFromFile(path, false, size, "uint8");
    return new Map(
      entries.map(({ name, dtype: stored, shape, begin, end }): [string, Tensor] => {
        const { dtype, itemSize } = safetensorsDtypes[stored];
        const bytes = whole.narrow(0, start + begin, end - begin);
        // Another writer need not align its data: such a tensor is copied.
        const aligned = (start + begin) % itemSize === 0 ? bytes : bytes.clone();
        return [name, atenViewDtype(aligned, dtype).reshape(shape)];
      }),
    );
  });
}

function result(
  { entries, metadata }: SafetensorsHeader,
  tensors: Map<string, Tensor>,
  device: Device,
): SafetensorsFile {
  const { [checksumKey]: _, ...texts } = metadata;
  const inOrder = entries.map(({ name }): [string, Tensor] => {
    const tensor = tensors.get(name) as Tensor;
    return [name, device === "cpu" ? tensor : tensor.to({ device })];
  });
  return { tensors: new Map(inOrder), metadata: texts };
}
