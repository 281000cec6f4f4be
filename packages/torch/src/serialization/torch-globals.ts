import { types } from "node:util";
import type { DType } from "../tensor/dtype.ts";
import { Tensor } from "../tensor/tensor.ts";
import { badFile } from "./errors.ts";
import { type PickledStorage, rebuildTensor } from "./pickled-storage.ts";
import { OpaqueObject, PythonGlobal } from "./unpickler.ts";

/** The storage classes of PyTorch by name; complex and quantized ones are refused. */
const storageDtypes: Readonly<Record<string, DType>> = {
  FloatStorage: "float32",
  DoubleStorage: "float64",
  HalfStorage: "float16",
  BFloat16Storage: "bfloat16",
  LongStorage: "int64",
  IntStorage: "int32",
  ShortStorage: "int16",
  CharStorage: "int8",
  ByteStorage: "uint8",
  BoolStorage: "bool",
  UntypedStorage: "uint8",
  _UntypedStorage: "uint8",
};

const dtypes: Readonly<Record<string, DType>> = {
  float32: "float32",
  float: "float32",
  float64: "float64",
  double: "float64",
  float16: "float16",
  half: "float16",
  bfloat16: "bfloat16",
  int64: "int64",
  long: "int64",
  int32: "int32",
  int: "int32",
  int16: "int16",
  short: "int16",
  int8: "int8",
  uint8: "uint8",
  bool: "bool",
};

/** The class of a storage, as a persistent id names it. */
class StorageType {
  readonly dtype: DType;
  constructor(dtype: DType) {
    this.dtype = dtype;
  }
}

/** What stands for each global that a file of `torch.save` may use; undefined for all others. */
export function torchGlobal(module: string, name: string, where: string): unknown {
  const full = `${module}.${name}`;
  const own = (table: Readonly<Record<string, unknown>>, key: string) =>
    Object.hasOwn(table, key) ? table[key] : undefined;
  if (module === "torch" || module === "torch.storage") {
    const storage = own(storageDtypes, name) as DType | undefined;
    if (storage !== undefined) return new StorageType(storage);
  }
  if (module === "torch") {
    const dtype = own(dtypes, name);
    if (dtype !== undefined) return dtype;
  }
  const build = own(builders(where), full) as PythonGlobal["build"] | undefined;
  return build === undefined ? undefined : new PythonGlobal(full, build);
}

/** Any other class, as an inert object with its name and arguments. */
export function opaqueGlobal(module: string, name: string): PythonGlobal {
  return new PythonGlobal(`${module}.${name}`, (args) => new OpaqueObject(`${module}.${name}`, args));
}

function builders(where: string): Readonly<Record<string, PythonGlobal["build"]>> {
  const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
  const first = (args: readonly unknown[]) => args[0];
  const bytes: PythonGlobal["build"] = ([value, encoding = "latin1"]) => {
    if (types.isUint8Array(value)) return value;
    if (value === undefined) return new Uint8Array(0);
    if (typeof value === "string" && encoding === "latin1") return new Uint8Array(Buffer.from(value, "latin1"));
    throw badFile(where, "bytes in its pickle are encoded in an unknown way");
  };
  const map = (args: readonly unknown[]) =>
    new Map(types.isMap(args[0]) ? args[0] : (list(args[0]) as [unknown, unknown][]));
  const tensor: PythonGlobal["build"] = ([storage, offset, size, stride, requiresGrad]) =>
    rebuildTensor(storage, offset, size, stride, requiresGrad === true, where);
  const parameter: PythonGlobal["build"] = ([data, requiresGrad]) => {
    if (data instanceof Tensor && data.isFloatingPoint) data.requiresGrad = requiresGrad === true;
    return data;
  };
  return {
    "torch._utils._rebuild_tensor": tensor,
    "torch._utils._rebuild_tensor_v2": tensor,
    // (storage, offset, size, stride, requires_grad, hooks, dtype): for dtypes that have no storage class.
    "torch._utils._rebuild_tensor_v3": ([storage, offset, size, stride, requiresGrad, , dtype]) =>
      rebuildTensor(storage, offset, size, stride, requiresGrad === true, where, dtype as DType),
    "torch._utils._rebuild_parameter": parameter,
    "torch._utils._rebuild_parameter_with_state": parameter,
    "torch.Size": first,
    "torch.device": (args) => args.map(String).join(":"),
    "collections.OrderedDict": map,
    "collections.defaultdict": () => new Map(),
    "builtins.dict": map,
    "builtins.list": (args) => [...list(args[0])],
    "builtins.tuple": (args) => [...list(args[0])],
    "builtins.set": (args) => new Set(list(args[0])),
    "builtins.frozenset": (args) => new Set(list(args[0])),
    "builtins.bytearray": bytes,
    "__builtin__.set": (args) => new Set(list(args[0])),
    "__builtin__.frozenset": (args) => new Set(list(args[0])),
    "__builtin__.dict": map,
    "__builtin__.list": (args) => [...list(args[0])],
    "__builtin__.tuple": (args) => [...list(args[0])],
    // How protocol 2 writes bytes: their Latin-1 text, to be encoded again.
    "_codecs.encode": bytes,
  };
}

/** The storage that a persistent id stands for: ("storage", type, key, location, numel, [view]). */
export function storageOf(
  id: unknown,
  where: string,
  open: (key: string, dtype: DType, numel: number) => PickledStorage,
): PickledStorage {
  const [kind, type, key, , numel, view] = Array.isArray(id) ? (id as unknown[]) : [];
  const isCount = typeof numel === "number" && Number.isSafeInteger(numel) && numel >= 0;
  if (kind !== "storage" || !(type instanceof StorageType) || typeof key !== "string" || !isCount) {
    throw badFile(where, "its pickle has a persistent id that is not a storage");
  }
  const storage = open(key, type.dtype, numel);
  if (!Array.isArray(view)) return storage;
  // Files of PyTorch before 0.4: a part of another storage, (key, offset, size).
  const [, offset] = view as unknown[];
  return storage.from(Number(offset));
}
