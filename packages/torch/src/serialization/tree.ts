import { types } from "node:util";
import { Tensor } from "../tensor/tensor.ts";
import { badFile, SerializationError } from "./errors.ts";

/** A tree of plain values without its tensors: JSON that refers to them by name. */
export interface PackedTree {
  readonly tensors: Map<string, Tensor>;
  readonly json: string;
}

export interface PackTreeOptions {
  /** A Map at this key of the root keeps its keys as the names of its tensors: a model's state dictionary. */
  readonly weightsKey?: string;
}

/** What JSON cannot say is an object with one of these keys; an object of the user's that begins so is wrapped. */
const tag = "$";

const typedArrays = {
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;

/**
 * Takes a tree of plain objects, arrays, Maps, Sets, strings, numbers (NaN, infinities and -0 too), bigints, booleans,
 * null, typed arrays and tensors apart. A tensor is named by its path behind an `@`, and one that is there twice is
 * taken once. Properties that are undefined are left out.
 * @throws SerializationError for a function, a class instance or a cycle, naming its path
 */
export function packTree(tree: unknown, { weightsKey }: PackTreeOptions = {}): PackedTree {
  const packer = new Packer(weightsKey);
  return { json: JSON.stringify(packer.pack(tree, "")), tensors: packer.tensors };
}

class Packer {
  readonly tensors = new Map<string, Tensor>();
  readonly #names = new Map<Tensor, string>();
  readonly #open = new Set<object>();
  readonly #weightsKey: string | undefined;

  constructor(weightsKey: string | undefined) {
    this.#weightsKey = weightsKey;
  }

  pack(value: unknown, path: string): unknown {
    switch (typeof value) {
      case "string":
      case "boolean":
        return value;
      case "number":
        if (Number.isFinite(value) && !Object.is(value, -0)) return value;
        return { $number: Object.is(value, -0) ? "-0" : String(value) };
      case "bigint":
        return { $bigint: String(value) };
      case "undefined":
        return null;
      case "object":
        return value === null ? null : this.#object(value, path);
      default:
        throw unpackable(path, `a ${typeof value}`);
    }
  }

  #object(value: object, path: string): unknown {
    if (value instanceof Tensor) return { $tensor: this.#nameOf(value, `@${path}`) };
    if (ArrayBuffer.isView(value)) return packBytes(value, path);
    if (this.#open.has(value)) throw unpackable(path, "an object that contains itself");
    this.#open.add(value);
    try {
      return this.#container(value, path);
    } finally {
      this.#open.delete(value);
    }
  }

  #container(value: object, path: string): unknown {
    if (Array.isArray(value)) return value.map((item, i) => this.pack(item, below(path, i)));
    if (types.isSet(value)) return { $set: [...value].map((item, i) => this.pack(item, below(path, i))) };
    if (types.isMap(value)) {
      const isWeights = this.#weightsKey !== undefined && path === this.#weightsKey;
      const entries = [...value].map(([key, item]) => {
        const named = isWeights && item instanceof Tensor;
        const packed = named ? { $tensor: this.#nameOf(item, String(key)) } : this.pack(item, below(path, String(key)));
        return [this.pack(key, path), packed];
      });
      return { $map: entries };
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
      throw unpackable(path, `an instance of ${value.constructor.name}`);
    }
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, this.pack(item, below(path, key))] as const);
    const isAmbiguous = entries.some(([key]) => key.startsWith(tag) || key === "__proto__");
    return isAmbiguous ? { $object: entries } : Object.fromEntries(entries);
  }

  #nameOf(tensor: Tensor, wanted: string): string {
    const known = this.#names.get(tensor);
    if (known !== undefined) return known;
    let name = wanted;
    // Keys may hold dots, so that two paths can read the same.
    for (let i = 2; this.tensors.has(name); i++) name = `${wanted}#${i}`;
    this.#names.set(tensor, name);
    this.tensors.set(name, tensor);
    return name;
  }
}

function packBytes(value: ArrayBufferView, path: string): unknown {
  const kind = Buffer.isBuffer(value) ? "Uint8Array" : value.constructor.name;
  if (!Object.hasOwn(typedArrays, kind)) throw unpackable(path, `a ${kind}`);
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return { $bytes: bytes.toString("base64"), kind };
}

function below(path: string, key: string | number): string {
  return path === "" ? String(key) : `${path}.${key}`;
}

function unpackable(path: string, what: string): SerializationError {
  return badFile(path === "" ? "the root" : path, `${what} cannot be saved: only plain values and tensors can`);
}

/**
 * The inverse of `packTree`.
 * @param tensors by name, as `packTree` or a file returned them
 * @throws SerializationError if a tensor is missing, or the JSON is not one of `packTree`
 */
export function unpackTree({
  tensors,
  json,
}: {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly json: string;
}): unknown {
  const where = "the packed tree";
  const unpack = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(unpack);
    const [[key, content] = ["", undefined], second] = Object.entries(value);
    if (!key.startsWith(tag))
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, unpack(item)]));
    switch (key) {
      case "$number":
        return Number(content);
      case "$bigint":
        return BigInt(content as string);
      case "$set":
        return new Set((content as unknown[]).map(unpack));
      case "$map":
        return new Map((content as [unknown, unknown][]).map(([name, item]) => [unpack(name), unpack(item)]));
      case "$object":
        return Object.fromEntries((content as [string, unknown][]).map(([name, item]) => [name, unpack(item)]));
      case "$bytes":
        return unpackBytes(content as string, second?.[1], where);
      case "$tensor": {
        const tensor = tensors.get(content as string);
        if (tensor === undefined) throw badFile(where, `it lacks the tensor '${String(content)}'`);
        return tensor;
      }
      default:
        throw badFile(where, `'${key}' is unknown: it was written by a newer version`);
    }
  };
  try {
    return unpack(JSON.parse(json));
  } catch (cause) {
    // Also of a tree that is nested deeper than the stack.
    throw cause instanceof SerializationError ? cause : badFile(where, "it is damaged, or not one of packTree's");
  }
}

function unpackBytes(base64: string, kind: unknown, where: string): ArrayBufferView {
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  // So older checkpoints name a Buffer.
  if (kind === "Buffer") return bytes;
  if (typeof kind !== "string" || !Object.hasOwn(typedArrays, kind)) {
    throw badFile(where, `expected the name of a typed array, received '${String(kind)}'`);
  }
  return new typedArrays[kind as keyof typeof typedArrays](bytes.buffer);
}
