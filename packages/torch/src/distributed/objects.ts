import { deserialize, serialize } from "node:v8";
import { fromTypedArray } from "../tensor/from-memory.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { allGather, allReduce } from "./collectives.ts";
import { group } from "./process-group.ts";

// Plain values are sent as the bytes of their structured clone, padded to the longest.

/** What each rank passed, by rank: numbers, text, typed arrays, plain objects, Maps and arrays of these. */
export async function allGatherObject<T>(value: T): Promise<T[]> {
  if (group().worldSize === 1) return [value];
  const bytes = serialize(value);
  const length = lengthTensor(bytes);
  await allReduce(length, "max");
  const padded = paddedTo(bytes, length);
  return parted<T>(padded, await allGather(padded));
}

/** Resolves when all ranks have called it. */
export async function barrier(): Promise<void> {
  const token = fromTypedArray(new Float32Array(1), [1]);
  await allReduce(token);
  token.dispose();
}

function lengthTensor(bytes: Uint8Array): Tensor {
  return fromTypedArray(BigInt64Array.of(BigInt(bytes.length)), [1]);
}

/** The bytes and their own length (eight bytes, first) in as much space as the longest needs. */
function paddedTo(bytes: Uint8Array, longest: Tensor): Tensor {
  const space = new Uint8Array(8 + longest.item());
  longest.dispose();
  new DataView(space.buffer).setBigUint64(0, BigInt(bytes.length));
  space.set(bytes, 8);
  return fromTypedArray(space, [space.length]);
}

function parted<T>(own: Tensor, all: readonly Tensor[]): T[] {
  own.dispose();
  return all.map((tensor) => {
    const space = tensor.toTypedArray() as Uint8Array;
    tensor.dispose();
    const length = Number(new DataView(space.buffer, space.byteOffset).getBigUint64(0));
    return deserialize(space.subarray(8, 8 + length)) as T;
  });
}
