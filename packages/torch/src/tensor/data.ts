import { inspect, types } from "node:util";
import { TorchError } from "../errors.ts";
import { native } from "../native/load.ts";
import { readOut } from "../ops/dispatch.ts";
import { scope } from "../scope.ts";
import { formatTensor } from "./display.ts";
import { type TypedArray, typedArrayOf } from "./dtype.ts";
import { bytesOf } from "./nested.ts";
import type { Tensor } from "./tensor.ts";

export type NestedNumbers = number | boolean | NestedNumbers[];

/** Brings elements to JavaScript: a recording sees the read, a scope frees what it makes. */
function read<T>(self: Tensor, fn: () => T): T {
  return readOut(self, () => scope(fn));
}

/** The way back to JavaScript: numbers, arrays, typed arrays, text. */
export const data = {
  /** The only element, as a number (bool: 0 or 1). @throws TorchError unless there is exactly one element */
  item(self: Tensor): number {
    try {
      return readOut(self, () => native.item(self.handle));
    } catch (error) {
      throw new TorchError({
        code: "torch/item",
        what: types.isNativeError(error) ? error.message : String(error),
        where: `a tensor of shape [${self.shape.join(", ")}]`,
        cause: error,
      });
    }
  },

  /**
   * A copy of the elements in row-major order: Float32Array for float32, bfloat16 and float16, BigInt64Array for int64,
   * Uint8Array for uint8 and bool, and so on.
   */
  toTypedArray(self: Tensor): TypedArray {
    return read(self, () => {
      const { dtype } = self;
      const plain = dtype === "bfloat16" || dtype === "float16" ? "float32" : dtype;
      const ArrayType = typedArrayOf(plain);
      if (ArrayType === undefined) {
        throw new TorchError({ code: "torch/dtype", what: `JavaScript has no typed array for ${dtype}` });
      }
      const source = self.detach().to({ device: "cpu", dtype: plain }).contiguous();
      const array = new ArrayType(source.numel) as TypedArray;
      native.copyBytes(source.handle, bytesOf(array));
      return array;
    });
  },

  /** The elements as JavaScript numbers in row-major order (int64 beyond 2^53 loses digits). */
  toArray(self: Tensor): number[] {
    const array = self.toTypedArray();
    return array instanceof BigInt64Array ? Array.from(array, Number) : Array.from(array as Float32Array);
  },

  /** Nested arrays of numbers (booleans for bool tensors); a plain value when there are no dimensions. */
  tolist(self: Tensor): NestedNumbers {
    const { shape, dtype } = self;
    const flat: (number | boolean)[] = dtype === "bool" ? self.toArray().map(Boolean) : self.toArray();
    const build = (depth: number, at: number, stride: number): NestedNumbers => {
      if (depth === shape.length) return flat[at]!;
      const inner = shape[depth] === 0 ? 0 : stride / shape[depth]!;
      return Array.from({ length: shape[depth]! }, (_, i) => build(depth + 1, at + i * inner, inner));
    };
    return build(0, 0, flat.length);
  },

  /**
   * The bytes as they lie in memory: shared with the tensor when it is contiguous on the CPU, else a copy.
   * The view keeps the memory alive, and from then on the memory cannot grow: `resize_` throws.
   */
  bytes(self: Tensor): Uint8Array {
    return read(self, () => {
      const source = self.detach().to({ device: "cpu" }).contiguous();
      if (source.numel === 0) return new Uint8Array(0);
      const shared = native.sharesStorage(source.handle, self.handle);
      if (!shared) {
        const copy = new Uint8Array(source.numel * source.elementSize);
        native.copyBytes(source.handle, copy);
        return copy;
      }
      return new Uint8Array(native.externalBytes(source.handle));
    });
  },

  /** The text that PyTorch prints. */
  toString(self: Tensor): string {
    if (self.isDisposed) return "tensor(<disposed>)";
    return formatTensor(self);
  },

  [inspect.custom](self: Tensor): string {
    return self.toString();
  },
};
