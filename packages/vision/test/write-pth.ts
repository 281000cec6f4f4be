import { writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { Tensor } from "@classifier-training/torch";

/** An instance of a Python class, pickled with nothing in it. */
export class PythonInstance {
  readonly module: string;
  readonly name: string;

  constructor(module: string, name: string) {
    this.module = module;
    this.name = name;
  }
}

/** Writes a tree as Python's `torch.save` does (zip, pickle protocol 2): dicts, text, integers, float32 and int64 tensors. */
export function writePth(path: string, tree: unknown): void {
  const storages: Uint8Array[] = [];
  const pickle = [Buffer.from([0x80, 2]), ...pickled(tree, storages), Buffer.from(".")];
  const files = [
    ["archive/data.pkl", Buffer.concat(pickle)],
    ["archive/byteorder", Buffer.from("little")],
    ...storages.map((bytes, i) => [`archive/data/${i}`, bytes] as const),
    ["archive/version", Buffer.from("3\n")],
  ] as [string, Uint8Array][];
  writeFileSync(path, storedZip(files));
}

const text = (value: string) => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([Buffer.from("X"), length, bytes]);
};

const integer = (value: number) => {
  const bytes = Buffer.alloc(5);
  bytes.write("J");
  bytes.writeInt32LE(value, 1);
  return bytes;
};

const tuple = (...items: Buffer[]) => Buffer.concat([Buffer.from("("), ...items, Buffer.from("t")]);

function pickled(value: unknown, storages: Uint8Array[]): Buffer[] {
  if (value instanceof Tensor) return [tensor(value, storages)];
  if (value instanceof PythonInstance) return [Buffer.from(`c${value.module}\n${value.name}\n)\x81}b`, "latin1")];
  if (typeof value === "string") return [text(value)];
  if (typeof value === "number") return [integer(value)];
  const entries = value instanceof Map ? [...value] : Object.entries(value as object);
  const items = entries.flatMap(([key, entry]) => [text(String(key)), ...pickled(entry, storages)]);
  return [Buffer.from("}("), ...items, Buffer.from("u")];
}

function tensor(value: Tensor, storages: Uint8Array[]): Buffer {
  const kept = value.contiguous().toTypedArray() as Float32Array | BigInt64Array;
  const storageClass = value.dtype === "int64" ? "LongStorage" : "FloatStorage";
  const key = String(storages.push(new Uint8Array(kept.slice().buffer)) - 1);
  const count = kept.length;
  const storage = tuple(
    text("storage"),
    Buffer.from(`ctorch\n${storageClass}\n`),
    text(key),
    text("cpu"),
    integer(count),
  );
  const strides = value.shape.map((_, i) => value.shape.slice(i + 1).reduce((product, size) => product * size, 1));
  const numbers = (list: readonly number[]) => tuple(...list.map(integer));
  const hooks = Buffer.from("ccollections\nOrderedDict\n)R");
  const args = tuple(
    Buffer.concat([storage, Buffer.from("Q")]),
    integer(0),
    numbers(value.shape),
    numbers(strides),
    Buffer.from([0x89]),
    hooks,
  );
  return Buffer.concat([Buffer.from("ctorch._utils\n_rebuild_tensor_v2\n"), args, Buffer.from("R")]);
}

function storedZip(files: readonly (readonly [name: string, data: Uint8Array])[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, data] of files) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), common, Buffer.from(name), data]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\0"), common, place, Buffer.from(name)]));
    parts.push(local);
    at += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, entries, end]);
}
