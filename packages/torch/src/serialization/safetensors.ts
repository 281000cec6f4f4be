import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { bind } from "../ops/dispatch.ts";
import { scope } from "../scope.ts";
import { type Device, itemSize } from "../tensor/dtype.ts";
import { fromBuffer } from "../tensor/from-memory.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { beginDigest, digestOffset, digestPlaceholder } from "./digest.ts";
import { badFile } from "./errors.ts";
import { RandomAccessFile } from "./random-access-file.ts";
import {
  encodeHeader,
  headerLength,
  inByteOrder,
  layOut,
  parseHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from "./safetensors-header.ts";

/** Tensors by name, and texts about them. */
export interface SafetensorsFile {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Record<string, string>;
  /** The SHA-256 that the file keeps of itself, if it does. */
  readonly digest: string | undefined;
}

/** The key under which `saveSafetensors` keeps the SHA-256 of the file. Other writers have none. */
const defaultDigestKey = "file_sha256";

/** Gives each tensor its place in a file. @throws SerializationError naming the tensor, for a dtype that the format lacks */
export function layOutTensors(tensors: ReadonlyMap<string, Tensor>): TensorEntry[] {
  return layOut([...tensors].map(([name, { dtype, shape }]) => ({ name, dtype, shape })));
}

/**
 * Writes tensors to a file, one after another, without a second copy of them in memory. The file appears whole or not
 * at all: it is written under another name, synchronized, and renamed. A SHA-256 of the file goes into the metadata.
 * @throws SerializationError for a dtype that the format lacks
 */
export function saveSafetensors(
  path: string,
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const entries = layOutTensors(tensors);
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    const file = openSync(temporary, "w");
    try {
      let position = 0;
      const head = seal(entries, metadata, tensors, (bytes) => {
        position = writeAll(file, bytes, position);
      });
      writeAll(file, head, 0);
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
  const parts: Uint8Array[] = [];
  parts[0] = seal(layOutTensors(tensors), metadata, tensors, (bytes) => parts.push(bytes));
  return Buffer.concat(parts);
}

/**
 * Hands out the parts of a file in order, the header first without its digest. @returns the header with it
 * `format: "pt"` is what Python's readers look for.
 */
function seal(
  entries: readonly TensorEntry[],
  metadata: Readonly<Record<string, string>>,
  tensors: ReadonlyMap<string, Tensor>,
  write: (bytes: Uint8Array) => void,
): Uint8Array {
  const head = encodeHeader(entries, { format: "pt", ...metadata, [defaultDigestKey]: digestPlaceholder });
  const digest = beginDigest(head, defaultDigestKey);
  write(head);
  for (const { name } of inByteOrder(entries)) {
    const bytes = (tensors.get(name) as Tensor).bytes();
    digest.update(bytes);
    write(bytes);
  }
  const sealed = new Uint8Array(head);
  sealed.set(Buffer.from(digest.digest("hex")), digestOffset(head, defaultDigestKey));
  return sealed;
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
   * changed. The file must stay as it is while the tensors live. The digest is not compared.
   */
  readonly mmap?: boolean;
  /** Compares the file's SHA-256, where there is one. True by default. */
  readonly verify?: boolean;
  /** The key of the metadata under which the writer keeps the SHA-256; by default that of `saveSafetensors`. */
  readonly digestKey?: string;
}

/**
 * Reads a safetensors file, each tensor straight into memory of its own.
 * @throws SerializationError if the file is truncated, damaged, or not what the format allows
 */
export function loadSafetensors(path: string, options: LoadSafetensorsOptions = {}): SafetensorsFile {
  const { device = "cpu", mmap = false, verify = true, digestKey = defaultDigestKey } = options;
  const file = new RandomAccessFile(path);
  try {
    const { head, header } = readHead(file, file.size);
    const start = head.byteLength;
    if (mmap && file.size > start) return result(header, mapped(path, file.size, header, start), device, digestKey);
    const read = ({ begin, end }: TensorEntry) => file.read(start + begin, end - begin);
    const tensors = readEach(header, read, verify ? { head, digestKey, where: path } : undefined);
    return result(header, tensors, device, digestKey);
  } finally {
    file[Symbol.dispose]();
  }
}

/** What a safetensors file holds, from its header alone: the data may be damaged or missing. */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  const file = new RandomAccessFile(path);
  try {
    return readHead(file, undefined).header;
  } finally {
    file[Symbol.dispose]();
  }
}

function readHead(
  file: RandomAccessFile,
  fileSize: number | undefined,
): { head: Uint8Array; header: SafetensorsHeader } {
  const length = headerLength(file.read(0, Math.min(8, file.size)), file.size, file.path);
  const head = file.read(0, 8 + length);
  const dataSize = fileSize === undefined ? undefined : fileSize - head.byteLength;
  return { head, header: parseHeader(head.subarray(8), dataSize, file.path) };
}

/** Reads the bytes of a safetensors file; the tensors are copies. */
export function deserializeSafetensors(bytes: Uint8Array, where = "safetensors data"): SafetensorsFile {
  const length = headerLength(bytes, bytes.byteLength, where);
  const head = bytes.subarray(0, 8 + length);
  const data = bytes.subarray(head.byteLength);
  const header = parseHeader(head.subarray(8), data.byteLength, where);
  const read = ({ begin, end }: TensorEntry) => new Uint8Array(data.subarray(begin, end));
  const tensors = readEach(header, read, { head, digestKey: defaultDigestKey, where });
  return result(header, tensors, "cpu", defaultDigestKey);
}

/** What the SHA-256 of a file is compared with. */
interface Verification {
  readonly head: Uint8Array;
  readonly digestKey: string;
  readonly where: string;
}

/** The tensors lie without a gap (`parseHeader` has checked it): their bytes in order are the rest of the file. */
function readEach(
  { entries, metadata }: SafetensorsHeader,
  read: (entry: TensorEntry) => Uint8Array<ArrayBuffer>,
  verification: Verification | undefined,
): Map<string, Tensor> {
  const { head, digestKey, where } = verification ?? { head: new Uint8Array(), digestKey: "", where: "" };
  const expected = metadata[digestKey];
  const digest = expected === undefined ? undefined : beginDigest(head, digestKey);
  const tensors = new Map<string, Tensor>();
  for (const entry of inByteOrder(entries)) {
    const bytes = read(entry);
    digest?.update(bytes);
    tensors.set(entry.name, fromBuffer(bytes.buffer, bytes.byteOffset, entry.shape, entry.dtype));
  }
  if (digest !== undefined && digest.digest("hex") !== expected) {
    throw badFile(where, "its content does not match its checksum (SHA-256): the file is damaged");
  }
  return tensors;
}

const atenFromFile = bind("aten::from_file");
const atenViewDtype = bind("aten::view.dtype");

function mapped(path: string, size: number, { entries }: SafetensorsHeader, start: number): Map<string, Tensor> {
  return scope(() => {
    const whole = atenFromFile(path, false, size, "uint8");
    return new Map(
      entries.map(({ name, dtype, shape, begin, end }): [string, Tensor] => {
        const bytes = whole.narrow(0, start + begin, end - begin);
        // Another writer need not align its data: such a tensor is copied.
        const aligned = (start + begin) % itemSize(dtype) === 0 ? bytes : bytes.clone();
        return [name, atenViewDtype(aligned, dtype).reshape(shape)];
      }),
    );
  });
}

function result(
  { entries, metadata }: SafetensorsHeader,
  tensors: Map<string, Tensor>,
  device: Device,
  digestKey: string,
): SafetensorsFile {
  const { [digestKey]: digest, ...texts } = metadata;
  const inOrder = entries.map(({ name }): [string, Tensor] => {
    const tensor = tensors.get(name) as Tensor;
    return [name, device === "cpu" ? tensor : tensor.to({ device })];
  });
  return { tensors: new Map(inOrder), metadata: texts, digest };
}
