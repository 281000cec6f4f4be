import { types } from "node:util";
import { DisposedError, TorchError } from "../errors.ts";
import type { Handle } from "../native/binding.ts";
import { native } from "../native/load.ts";
import { keep, own, type Scoped, unscoped } from "../scope.ts";
import { type Device, type DType, isFloatingPoint, type MemoryFormat } from "./dtype.ts";

/**
 * An n-dimensional array of LibTorch, with autograd. The class owns the native handle; its operators are functions of the
 * tables beside it (`pointwise.ts`, `reduce.ts`, ...), bound in `methods.ts`. Every other operator is in `ops.aten`.
 *
 * A tensor lives until its scope ends, `dispose()`, or the garbage collector finds it.
 */
export class Tensor implements Scoped {
  #handle: Handle | null;
  #grad: Tensor | null = null;
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

  /** A second handle of the same native tensor, graph included, for giving it away. */
  detachHandle(): Handle {
    return native.alias(this.handle);
  }

  get isDisposed(): boolean {
    return this.#handle === null;
  }

  /** Frees the tensor now, as far as nothing else (a view, the autograd graph) holds its memory. May be called twice. */
  dispose(): void {
    this.#grad?.dispose();
    this.#grad = null;
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

  /** The distance of neighbors along each dimension, in elements. */
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

  get isFloatingPoint(): boolean {
    return isFloatingPoint(this.dtype);
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

  /** The matrix, or the batch of matrices, with rows and columns exchanged. */
  get mT(): Tensor {
    return this.transpose(-2, -1);
  }

  isContiguous(memoryFormat: MemoryFormat = "contiguous"): boolean {
    return native.isContiguous(this.handle, memoryFormat);
  }

  /** True when both are the same tensor, not only equal ones or views of the same memory. */
  isSame(other: Tensor): boolean {
    return native.isSame(this.handle, other.handle);
  }

  sharesStorageWith(other: Tensor): boolean {
    return native.sharesStorage(this.handle, other.handle);
  }

  /** Counts the in-place changes so far; autograd refuses to use a tensor that changed after it was saved. */
  get version(): number {
    return native.version(this.handle);
  }

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }
  set requiresGrad(value: boolean) {
    withAutogradErrors("requiresGrad", () => native.setRequiresGrad(this.handle, value));
  }

  /** True for tensors that were not computed from others that require a gradient. */
  get isLeaf(): boolean {
    return native.isLeaf(this.handle);
  }

  /**
   * The name of the graph node that computed this tensor, e.g. `MulBackward0`; null for leaves. Nodes of this package's
   * own kernels, which C++ names by their template, get the form of the others: `MaxPool2dBackward`.
   */
  get gradFn(): string | null {
    const name = native.gradFnName(this.handle);
    const kernel = /CppNode<.*::(\w+)>$/.exec(name ?? "");
    return kernel === null ? name : `${kernel[1]}Backward`;
  }

  /**
   * The accumulated gradient. It belongs to this tensor: scopes leave it alone, and it goes when it is replaced
   * (`grad = null`, `zeroGrad`); clone it to keep it for longer.
   */
  get grad(): Tensor | null {
    const known = this.#grad !== null && !this.#grad.isDisposed ? this.#grad : null;
    const found = native.gradient(this.handle, known === null ? null : known.handle);
    if (found === true) return known;
    known?.dispose();
    this.#grad = found === null ? null : unscoped(() => keep(new Tensor(found as Handle)));
    return this.#grad;
  }
  set grad(value: Tensor | null) {
    if (value?.isSame(this)) throw autogradError("grad: a tensor cannot be its own gradient");
    if (value !== null && value.dtype !== this.dtype) {
      throw autogradError(`grad: expected a gradient of ${this.dtype}, received ${value.dtype}`);
    }
    withAutogradErrors("grad", () => native.setGradient(this.handle, value === null ? null : value.handle));
    if (this.#grad !== null && this.#grad !== value) this.#grad.dispose();
    this.#grad = value === null ? null : keep(value);
  }
}

export function wrapOptional(handle: Handle | null): Tensor | null {
  return handle === null ? null : new Tensor(handle);
}

export function autogradError(what: string): TorchError {
  return new TorchError({ code: "torch/autograd", what });
}

/** Runs native autograd work, turning LibTorch's complaints into TorchErrors; what a hook threw passes through. */
export function withAutogradErrors<T>(what: string, fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    if (!(types.isNativeError(error) && "native" in error)) throw error;
    throw new TorchError({ code: "torch/autograd", what: `${what}: ${error.message}`, cause: error });
  }
}
