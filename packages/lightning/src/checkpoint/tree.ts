import { internalError } from "@classifier-training/base";
import { Tensor } from "@classifier-training/torch";

/** A tree of plain values with its tensors taken out: JSON that refers to them by name. */
export interface PackedTree {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly json: string;
}

/**
 * Packs plain objects, arrays, Maps, numbers (NaN and infinities too), bigints, typed arrays and tensors. The tensors
 * of the Map at `weightsKey` keep their own names; the others are named by their path, behind an `@`.
 */
export function packTree(tree: unknown, weightsKey: string): PackedTree {
  const tensors = new Map<string, Tensor>();
  const names = new Map<Tensor, string>();

  const pack = (value: unknown, path: string, inWeights: boolean): unknown => {
    switch (typeof value) {
      case "number":
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : { $number: Object.is(value, -0) ? "-0" : String(value) };
      case "bigint":
        return { $bigint: String(value) };
      case "string":
      case "boolean":
        return value;
      case "undefined":
        return undefined;
      case "object":
        break;
      default:
        throw internalError(`a checkpoint cannot hold the ${typeof value} at ${path}`);
    }
    if (value === null) return null;
    if (value instanceof Tensor) {
      let name = names.get(value);
      if (name === undefined) {
        name = inWeights ? path : `@${path}`;
        // Keys with dots: two paths may read the same.
        while (tensors.has(name)) name += "#";
        names.set(value, name);
        tensors.set(name, value);
      }
      return { $tensor: name };
    }
    if (Array.isArray(value)) return value.map((item, i) => pack(item, `${path}.${i}`, false) ?? null);
    if (value instanceof Map) {
      const weights = path === weightsKey;
      const entries = [...value].map(([key, item]) => [
        pack(key, path, false),
        pack(item, weights ? String(key) : `${path}.${String(key)}`, weights) ?? null,
      ]);
      return { $map: entries };
    }
    if (value instanceof Set) return { $set: [...value].map((item, i) => pack(item, `${path}.${i}`, false)) };
    if (ArrayBuffer.isView(value)) {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      return { $bytes: bytes.toString("base64"), kind: value.constructor.name };
    }
    const entries = Object.entries(value)
      .map(([key, item]) => [key, pack(item, path === "" ? key : `${path}.${key}`, false)] as const)
      .filter(([, item]) => item !== undefined);
    if (entries.some(([key]) => key.startsWith("$"))) return { $object: entries };
    return Object.fromEntries(entries);
  };

  const json = JSON.stringify(pack(tree, "", false));
  return { tensors, json };
}

const arrayKinds: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  Uint8Array: (bytes) => bytes,
  Buffer: (bytes) => bytes,
  Int8Array: (bytes) => new Int8Array(bytes.buffer),
  Uint8ClampedArray: (bytes) => new Uint8ClampedArray(bytes.buffer),
  Int16Array: (bytes) => new Int16Array(bytes.buffer),
  Uint16Array: (bytes) => new Uint16Array(bytes.buffer),
  Int32Array: (bytes) => new Int32Array(bytes.buffer),
  Uint32Array: (bytes) => new Uint32Array(bytes.buffer),
  Float32Array: (bytes) => new Float32Array(bytes.buffer),
  Float64Array: (bytes) => new Float64Array(bytes.buffer),
  BigInt64Array: (bytes) => new BigInt64Array(bytes.buffer),
  BigUint64Array: (bytes) => new BigUint64Array(bytes.buffer),
};

/** The inverse of `packTree`. */
export function unpackTree(json: string, tensorNamed: (name: string) => unknown): unknown {
  const unpack = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(unpack);
    const node = value as Record<string, unknown>;
    if ("$tensor" in node) return tensorNamed(node["$tensor"] as string);
    if ("$number" in node) return Number(node["$number"]);
    if ("$bigint" in node) return BigInt(node["$bigint"] as string);
    if ("$map" in node) {
      return new Map((node["$map"] as [unknown, unknown][]).map(([key, item]) => [unpack(key), unpack(item)]));
    }
    if ("$set" in node) return new Set((node["$set"] as unknown[]).map(unpack));
    if ("$bytes" in node) {
      const bytes = Uint8Array.from(Buffer.from(node["$bytes"] as string, "base64"));
      const kind = String(node["kind"]);
      return Object.hasOwn(arrayKinds, kind) ? arrayKinds[kind]?.(bytes) : bytes;
    }
    const entries = "$object" in node ? (node["$object"] as [string, unknown][]) : Object.entries(node);
    return Object.fromEntries(entries.map(([key, item]) => [key, unpack(item)]));
  };
  return unpack(JSON.parse(json));
}
