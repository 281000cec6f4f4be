import { DisposedError, TorchError } from "../errors.ts";
import type { Handle } from "../native/binding.ts";
import { native } from "../native/load.ts";
import { own, type Scoped } from "../scope.ts";
import type { Device, DType, MemoryFormat } from "./dtype.ts";

/** What every tensor has: a native handle, its lifetime, and what LibTorch knows about it. */
export class TensorCore implements Scoped {
  #handle: Handle | null;
  /** True when scopes leave it alone; set by `keep`. */
  kept = false;

  /** Wraps a native handle and puts it under the innermost scope. Not for users: see `tensor`, `zeros` and the rest. */
  constructor(handle: Handle) {
    this.#handle = handle;
    own(this);
  }

  /** The native handle. @throws DisposedError after `dispose` */
  get handle(): Handle {
    if (this.#handle === null) {
      throw new DisposedError({
        code: "torch/disposed",
        what: "the tensor was used after it had been freed",
        fix: "return it from the scope that made it, or exempt it with keep(tensor)",
      });
    }
    return this.#handle;
  }

  /** Gives the native tensor away: this object counts as disposed afterwards, the memory lives on in the handle. */
  takeHandle(): Handle {
    const handle = this.handle;
    this.#handle = null;
    return handle;
  }

  /** Puts another native tensor behind this object, e.g. a parameter that moves to another device. */
  protected replaceHandle(handle: Handle): void {
    const old = this.#handle;
    this.#handle = handle;
    if (old !== null) native.dispose(old);
  }

  get isDisposed(): boolean {
    return this.#handle === null;
  }

  /** Frees the tensor now, as far as nothing else (a view, the autograd graph) holds its memory. May be called twice. */
  dispose(): void {
    if (this.#handle === null) return;
    native.dispose(this.#handle);
    this.#handle = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  get shape(): readonly number[] {
    return native.shape(this.handle);
  }

  /** The distance of neighbours along each dimension, in elements. */
  get strides(): readonly number[] {
    return native.strides(this.handle);
  }

  get ndim(): number {
    return native.shape(this.handle).length;
  }

  get numel(): number {
    return native.numel(this.handle);
  }

  get dtype(): DType {
    return native.dtype(this.handle);
  }

  get device(): Device {
    return native.device(this.handle);
  }

  /** Bytes of one element. */
  get elementSize(): number {
    return native.elementSize(this.handle);
  }

  /** The size of a dimension; negative ones count from the end. */
  size(dim: number): number {
    const { shape } = this;
    const size = shape[dim < 0 ? dim + shape.length : dim];
    if (size === undefined) {
      const what = `dimension ${dim} is out of range for a tensor of ${shape.length} dimensions`;
      throw new TorchError({ code: "torch/shape", what, where: `shape [${shape.join(", ")}]` });
    }
    return size;
  }

  isContiguous(memoryFormat: MemoryFormat = "contiguous"): boolean {
    return native.isContiguous(this.handle, memoryFormat);
  }

  /** True when both are the same tensor, not only equal ones or views of the same memory. */
  isSame(other: TensorCore): boolean {
    return native.isSame(this.handle, other.handle);
  }

  sharesStorageWith(other: TensorCore): boolean {
    return native.sharesStorage(this.handle, other.handle);
  }

  /** Counts the in-place changes so far; autograd refuses to use a tensor that changed after it was saved. */
  get version(): number {
    return native.version(this.handle);
  }
}
