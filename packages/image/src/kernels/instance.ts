import { ImageError } from "../errors.ts";
import { allocate, blockSize, memory, outOfMemory, release, reserve, startHeap } from "./heap.ts";
import { kernelsBase64 } from "./module.generated.ts";
import { type WebAssemblyMemory, webAssembly } from "./webassembly.ts";

/** The functions of kernels/*.c; all arguments are numbers, buffers are addresses. */
export interface Kernels {
  resample_rows(...args: number[]): void;
  resample_columns(...args: number[]): void;
  resample_nearest(...args: number[]): void;
  flip_rows(...args: number[]): void;
  affine_nearest(...args: number[]): void;
  warp_bilinear(...args: number[]): void;
  look_up(...args: number[]): void;
  straight_line(...args: number[]): void;
  gray_sum(...args: number[]): number;
  saturate(...args: number[]): void;
  turn_hue(...args: number[]): void;
  blur(...args: number[]): void;
  add_noise(...args: number[]): void;
  jpeg_requantise(...args: number[]): void;
  jpeg_to_ycc(...args: number[]): void;
  jpeg_from_ycc(...args: number[]): void;
  jpeg_header(...args: number[]): number;
  jpeg_scan(...args: number[]): number;
  jpeg_from_ycc444(...args: number[]): void;
}

type Typed = Uint8Array | Int16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** A memory with kernels that work in it. */
interface Instance {
  readonly memory: WebAssemblyMemory;
  readonly kernels: Kernels;
  /** Where the module's own data ends. */
  readonly base: number;
}

function instantiate(module: object, memory: WebAssemblyMemory): Instance {
  const { exports } = new webAssembly.Instance(module, { env: { memory } });
  return { memory, kernels: exports as unknown as Kernels, base: (exports["__heap_base"] as { value: number }).value };
}

let module: object | undefined;
let failure: unknown;
let pool: Instance | undefined;
try {
  module = new webAssembly.Module(Uint8Array.from(atob(kernelsBase64), (byte) => byte.charCodeAt(0)));
  pool = instantiate(module, memory);
  startHeap(pool.base);
} catch (error) {
  failure = error;
}

function copyIn(data: Typed, buffer: ArrayBuffer, at: number): void {
  new Uint8Array(buffer, at, data.byteLength).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** Says that the pool has no room for what a call needs. */
class NoRoom extends Error {}

/** Addresses for the duration of one call. */
export abstract class Frame {
  /** The memory that the addresses are in; it may change with every call of take. */
  abstract readonly buffer: ArrayBuffer;
  readonly #written: [data: Uint8Array, at: number][] = [];

  /** Address of `length` bytes of scratch memory. */
  abstract take(length: number): number;

  /** Address of the data, copied in unless it lies in this memory already. */
  in(data: Typed): number {
    if (data.buffer === this.buffer) return data.byteOffset;
    const at = this.take(data.byteLength);
    copyIn(data, this.buffer, at);
    return at;
  }

  /** Address of data that never changes, and that many calls read. */
  constant(data: Typed): number {
    return this.in(data);
  }

  /** Address of data that the call reads and writes. */
  inOut(data: Uint8Array): number {
    const at = this.in(data);
    if (data.buffer !== this.buffer) this.#written.push([data, at]);
    return at;
  }

  /** Copies back what was written to data that lies elsewhere. */
  finish(): void {
    for (const [data, at] of this.#written) data.set(new Uint8Array(this.buffer, at, data.length));
  }
}

const constants = new WeakMap<Typed, number>();

class PoolFrame extends Frame {
  readonly buffer = memory.buffer;
  readonly #blocks: number[] = [];

  take(length: number): number {
    const at = allocate(length);
    if (at === 0) throw new NoRoom();
    this.#blocks.push(at);
    return at;
  }

  override constant(data: Typed): number {
    const known = constants.get(data);
    if (known !== undefined) return known;
    const at = reserve(data.byteLength);
    if (at === 0) return this.in(data);
    copyIn(data, this.buffer, at);
    constants.set(data, at);
    return at;
  }

  release(): void {
    for (const at of this.#blocks) release(at);
  }
}

const pageBytes = 65536;
const firstPages = 256;
const mostPages = 65536;
/** A memory that grew beyond this is dropped after the call. */
const keptBytes = 512 << 20;

/** Where calls run that the pool has no room for: a memory that grows, and that nothing outlives a call in. */
let large: Instance | undefined;

function instantiateLarge(module: object): Instance {
  try {
    return instantiate(module, new webAssembly.Memory({ initial: firstPages, maximum: mostPages }));
  } catch (cause) {
    throw outOfMemory(firstPages * pageBytes, cause);
  }
}

class LargeFrame extends Frame {
  readonly #instance: Instance;
  #next: number;

  constructor(instance: Instance) {
    super();
    this.#instance = instance;
    this.#next = Math.ceil(instance.base / 64) * 64;
  }

  get buffer(): ArrayBuffer {
    return this.#instance.memory.buffer;
  }

  take(length: number): number {
    const at = this.#next;
    const end = at + blockSize(length);
    const missing = Math.ceil((end - this.buffer.byteLength) / pageBytes);
    if (missing > 0) this.#grow(missing, end);
    this.#next = Math.ceil(end / 64) * 64;
    return at;
  }

  #grow(pages: number, bytes: number): void {
    try {
      this.#instance.memory.grow(pages);
    } catch (cause) {
      throw outOfMemory(bytes, cause);
    }
  }
}

/**
 * Calls kernels that read and write `out`, wherever it lies: in the pool, or for images too large for it in a memory of
 * their own. The same kernels run, so the bits do not depend on the room that is left.
 * @throws ImageError where WebAssembly or its SIMD is missing, or memory
 */
export function runKernels(out: Uint8Array, call: (kernels: Kernels, frame: Frame, outAt: number) => void): void {
  if (module === undefined || pool === undefined) throw withoutWebAssembly();
  const frame = new PoolFrame();
  try {
    call(pool.kernels, frame, frame.inOut(out));
    frame.finish();
    return;
  } catch (error) {
    if (!(error instanceof NoRoom)) throw error;
  } finally {
    frame.release();
  }
  large ??= instantiateLarge(module);
  const { kernels } = large;
  const own = new LargeFrame(large);
  try {
    call(kernels, own, own.inOut(out));
    own.finish();
  } finally {
    if (large.memory.buffer.byteLength > keptBytes) large = undefined;
  }
}

function withoutWebAssembly(): ImageError {
  return new ImageError({
    code: "image/kernels",
    what: "the image kernels need WebAssembly with SIMD, which this Node.js, browser or processor does not have",
    fix: "run Node.js without --jitless, on arm64 or on x86-64 with SSE4.1",
    cause: failure,
  });
}
