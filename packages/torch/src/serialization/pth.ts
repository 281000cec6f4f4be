import { type DType, itemSize } from "../tensor/dtype.ts";
import { badFile } from "./errors.ts";
import { PickledStorage } from "./pickled-storage.ts";
import { RandomAccessFile } from "./random-access-file.ts";
import { opaqueGlobal, storageOf, torchGlobal } from "./torch-globals.ts";
import { type UnpicklerHooks, unpickle } from "./unpickler.ts";
import { StoredZip } from "./zip.ts";

export interface LoadPthOptions {
  /**
   * What to do with classes that are neither tensors nor plain containers: `refuse` the file, naming the class (the
   * default), or put an inert `OpaqueObject` in their place. Nothing of the file is executed either way.
   */
  readonly unknownClasses?: "refuse" | "opaque";
}

/**
 * Reads what Python's `torch.save` wrote (`.pth`, `.pt`, `.ckpt`; zip and the format before PyTorch 1.6), without
 * running anything of it: tensors and plain containers are built, any other class is refused by name. Tensors that
 * shared memory still do; all are on the CPU.
 *
 * dict and OrderedDict become Map (int keys stay numbers), list and tuple arrays, set Set, bytes Uint8Array, None null.
 * @throws SerializationError if the file has another class, is damaged, or is of another kind
 */
export function loadPth(path: string, options: LoadPthOptions = {}): unknown {
  const file = new RandomAccessFile(path);
  try {
    const start = Buffer.from(file.read(0, Math.min(4, file.size)));
    if (start.length < 2) throw badFile(path, "the file is empty");
    if (start.toString("latin1").startsWith("PK")) return loadZip(file, options);
    if (start[0] === 0x80) return loadLegacy(file, options);
    throw badFile(path, "it was not written by torch.save", "give a .pth, .pt or .ckpt file, or a .safetensors file");
  } finally {
    file[Symbol.dispose]();
  }
}

function hooks(
  path: string,
  { unknownClasses = "refuse" }: LoadPthOptions,
  open: (key: string, dtype: DType, numel: number) => PickledStorage,
): UnpicklerHooks {
  return {
    findGlobal: (module, name) =>
      torchGlobal(module, name, path) ?? (unknownClasses === "opaque" ? opaqueGlobal(module, name) : undefined),
    persistentLoad: (id) => storageOf(id, path, open),
  };
}

function loadZip(file: RandomAccessFile, options: LoadPthOptions): unknown {
  const { path } = file;
  const zip = new StoredZip(file);
  const names = [...zip.names];
  const pickle = names.find((name) => name.endsWith("/data.pkl") && name.split("/").length === 2);
  if (pickle === undefined) throw badFile(path, "it is a zip archive, but not one of torch.save");
  const root = pickle.slice(0, -"data.pkl".length);
  if (zip.size(`${root}constants.pkl`) !== undefined) {
    throw badFile(path, "it is a TorchScript program, not saved weights", "save the model's state_dict() in Python");
  }
  const order =
    zip.size(`${root}byteorder`) === undefined ? "little" : Buffer.from(zip.read(`${root}byteorder`)).toString();
  if (order !== "little") throw badFile(path, `its numbers are stored in ${order}-endian order`);
  const storages = new Map<string, PickledStorage>();
  const open = (key: string, dtype: DType, numel: number): PickledStorage => {
    const known = storages.get(key);
    if (known) return known;
    const bytes = zip.read(`${root}data/${key}`);
    if (bytes.byteLength < numel * itemSize(dtype)) {
      throw badFile(path, `storage ${key}: expected ${numel * itemSize(dtype)} bytes, received ${bytes.byteLength}`);
    }
    const storage = new PickledStorage(bytes.buffer, dtype, numel);
    storages.set(key, storage);
    return storage;
  };
  const { value } = unpickle(zip.read(pickle), hooks(path, options, open), path);
  for (const storage of storages.values()) storage.release();
  return value;
}

/** Written before every pickle of the format before PyTorch 1.6: 0x1950a86a20f9469cfc6c. */
const legacyMagic = 119547037146038801333356n;

/** Five pickles (magic number, protocol, machine, object, keys of the storages), then the storages' bytes. */
function loadLegacy(file: RandomAccessFile, options: LoadPthOptions): unknown {
  const { path } = file;
  const bytes = file.read(0, file.size);
  const storages = new Map<string, PickledStorage>();
  let allocated = 0;
  const open = (key: string, dtype: DType, numel: number): PickledStorage => {
    const known = storages.get(key);
    if (known) return known;
    allocated += numel * itemSize(dtype);
    if (allocated > file.size) throw badFile(path, "its tensors need more bytes than the file has: it is truncated");
    const storage = new PickledStorage(new ArrayBuffer(numel * itemSize(dtype)), dtype, numel);
    storages.set(key, storage);
    return storage;
  };
  const use = hooks(path, options, open);
  let at = 0;
  const next = (): unknown => {
    const { value, end } = unpickle(bytes, use, path, at);
    at = end;
    return value;
  };
  if (next() !== legacyMagic) throw badFile(path, "it is a pickle, but not one of torch.save");
  const protocol = next();
  if (protocol !== 1001) throw badFile(path, `its protocol: expected 1001, received ${String(protocol)}`);
  const machine = next();
  if (machine instanceof Map && machine.get("little_endian") === false) {
    throw badFile(path, "its numbers are stored in big-endian order");
  }
  const value = next();
  const keys = next();
  if (!Array.isArray(keys)) throw badFile(path, "its list of storages is missing");
  for (const key of keys) at = fillStorage(file, bytes, at, storages.get(String(key)));
  for (const storage of storages.values()) storage.release();
  return value;
}

function fillStorage(
  file: RandomAccessFile,
  bytes: Uint8Array,
  at: number,
  storage: PickledStorage | undefined,
): number {
  if (!storage) throw badFile(file.path, "it has the bytes of a storage that no tensor uses");
  const end = at + 8 + storage.buffer.byteLength;
  if (end > bytes.byteLength) throw badFile(file.path, "the file is truncated");
  const numel = Number(new DataView(bytes.buffer, bytes.byteOffset + at, 8).getBigInt64(0, true));
  if (numel !== storage.numel)
    throw badFile(file.path, `a storage: expected ${storage.numel} elements, received ${numel}`);
  new Uint8Array(storage.buffer).set(bytes.subarray(at + 8, end));
  return end;
}
