import { inspect, types } from "node:util";
import { TorchError } from "../errors.ts";
import { native } from "../native/load.ts";
import { readOut } from "../ops/dispatch.ts";
import { scope } from "../scope.ts";
import { formatTensor } from "./display.ts";
import { isFloatingPoint, type TypedArray, typedArrayOf } from "./dtype.ts";
import { IndexTensor } from "./indexing.ts";
import { bytesOf } from "./nested.ts";

export type NestedNumbers = number | boolean | NestedNumbers[];

/** The way back to JavaScript: numbers, arrays, typed arrays, text. */
export class DataTensor extends IndexTensor {
  /** The only element, as a number (bool: 0 or 1). @throws TorchError unless there is exactly one element */
  item(): number {
    try {
      return readOut(this, () => native.item(this.handle));
    } catch (error) {
      throw new TorchError({
        code: "torch/item",
        what: types.isNativeError(error) ? error.message : String(error),
        where: `a tensor of shape [${this.shape.join(", ")}]`,
        cause: error,
      });
    }
  }

  /**
   * A copy of the elements in row-major order: Float32Array for float32, bfloat16 and float16, BigInt64Array for int64,
   * Uint8Array for uint8 and bool, and so on.
   */
  toTypedArray(): TypedArray {
    return this.#read(() => {
      const { dtype } = this;
      const plain = dtype === "bfloat16" || dtype === "float16" ? "float32" : dtype;
      const ArrayType = typedArrayOf(plain);
      if (ArrayType === undefined) {
        throw new TorchError({ code: "torch/dtype", what: `JavaScript has no typed array for ${dtype}` });
      }
      const source = this.detach().to({ device: "cpu", dtype: plain }).contiguous();
      const array = new ArrayType(source.numel) as TypedArray;
      native.copyBytes(source.handle, bytesOf(array));
      return array;
    });
  }

  /** The elements as JavaScript numbers in row-major order (int64 beyond 2^53 loses digits). */
  toArray(): number[] {
    const array = this.toTypedArray();
    return array instanceof BigInt64Array ? Array.from(array, Number) : Array.from(array as Float32Array);
  }

  /** Nested arrays of numbers (booleans for bool tensors); a plain value when there are no dimensions. */
  tolist(): NestedNumbers {
    const { shape, dtype } = this;
    const flat: (number | boolean)[] = dtype === "bool" ? this.toArray().map(Boolean) : this.toArray();
    const build = (depth: number, at: number, stride: number): NestedNumbers => {
      if (depth === shape.length) return flat[at]!;
      const inner = shape[depth] === 0 ? 0 : stride / shape[depth]!;
      return Array.from({ length: shape[depth]! }, (_, i) => build(depth + 1, at + i * inner, inner));
    };
    return build(0, 0, flat.length);
  }

  /**
   * The bytes as they lie in memory: shared with the tensor when it is contiguous on the CPU, else a copy.
   * The view keeps the memory alive, and from then on the memory cannot grow: `resize_` throws.
   */
  bytes(): Uint8Array {
    return this.#read(() => {
      const source = this.detach().to({ device: "cpu" }).contiguous();
      if (source.numel === 0) return new Uint8Array(0);
      const shared = native.sharesStorage(source.handle, this.handle);
      if (!shared) {
        const copy = new Uint8Array(source.numel * source.elementSize);
        native.copyBytes(source.handle, copy);
        return copy;
      }
      return new Uint8Array(native.externalBytes(source.handle));
    });
  }

  #read<T>(read: () => T): T {
    return readOut(this, () => scope(read));
  }

  /** The text that PyTorch prints. */
  override toString(): string {
    if (this.isDisposed) return "tensor(<disposed>)";
    return formatTensor(this);
  }

  [inspect.custom](): string {
    return this.toString();
  }

  get isFloatingPoint(): boolean {
    return isFloatingPoint(this.dtype);
  }
}
