import { bind } from "../ops/dispatch.ts";
import { type DType, itemSize } from "../tensor/dtype.ts";
import { fromBuffer } from "../tensor/from-memory.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { badFile } from "./errors.ts";

/** Memory that tensors of a file share. Its bytes may be filled in after the tensors were made. */
export class PickledStorage {
  readonly buffer: ArrayBuffer;
  readonly dtype: DType;
  readonly numel: number;
  /** Where it begins in the buffer, in elements. */
  readonly offset: number;
  readonly #whole: Map<DType, Tensor>;

  constructor(buffer: ArrayBuffer, dtype: DType, numel: number, offset = 0, whole = new Map<DType, Tensor>()) {
    this.buffer = buffer;
    this.dtype = dtype;
    this.numel = numel;
    this.offset = offset;
    this.#whole = whole;
  }

  /** The part from an element on, over the same memory. */
  from(offset: number): PickledStorage {
    return new PickledStorage(this.buffer, this.dtype, this.numel, this.offset + offset, this.#whole);
  }

  /** All of it as one tensor, the same one each time, so that views of it share their storage. */
  tensor(dtype: DType): Tensor {
    const known = this.#whole.get(dtype);
    if (known) return known;
    const whole = fromBuffer(this.buffer, 0, [Math.floor(this.buffer.byteLength / itemSize(dtype))], dtype);
    this.#whole.set(dtype, whole);
    return whole;
  }

  /** Lets go of the memory: the tensors made of it keep it alive. */
  release(): void {
    for (const whole of this.#whole.values()) whole.dispose();
    this.#whole.clear();
  }
}

const atenAsStrided = bind("aten::as_strided");

/**
 * The tensor at `offset` of a storage, with its own shape and strides.
 * @throws SerializationError if it does not lie within the storage
 */
export function rebuildTensor(
  storage: unknown,
  offset: unknown,
  size: unknown,
  stride: unknown,
  requiresGrad: boolean,
  where: string,
  dtype?: DType,
): Tensor {
  const damaged = (why: string) => badFile(where, `a tensor of the file is damaged: ${why}`);
  if (!(storage instanceof PickledStorage)) throw damaged("it has no storage");
  const shape = counts(size);
  const strides = counts(stride);
  if (!isCount(offset) || !shape || !strides || shape.length !== strides.length)
    throw damaged("its shape is unreadable");
  const type = dtype ?? storage.dtype;
  const whole = storage.tensor(type);
  const first = storage.offset + offset;
  const span = shape.includes(0) ? 0 : shape.reduce((last, n, i) => last + (n - 1) * (strides[i] as number), 1);
  if (!Number.isSafeInteger(first + span) || first + span > whole.numel) {
    throw damaged(`[${shape.join(", ")}] at ${offset} reaches beyond the ${whole.numel} elements of its storage`);
  }
  const tensor = atenAsStrided(whole, shape, strides, first);
  if (requiresGrad) tensor.requiresGrad = true;
  return tensor;
}

function counts(value: unknown): number[] | undefined {
  return Array.isArray(value) && value.length <= 64 && value.every(isCount) ? (value as number[]) : undefined;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
