import { allocate, memory, release, startHeap } from "./heap.ts";
import { kernelsBase64 } from "./module.generated.ts";
import { webAssembly } from "./webassembly.ts";

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

function instantiate(): Kernels | undefined {
  try {
    const module = new webAssembly.Module(Buffer.from(kernelsBase64, "base64"));
    const { exports } = new webAssembly.Instance(module, { env: { memory } });
    startHeap((exports["__heap_base"] as { value: number }).value);
    return exports as unknown as Kernels;
  } catch {
    // Without WebAssembly SIMD the TypeScript versions do the work.
    return undefined;
  }
}

const loaded = instantiate();
let enabled = true;

/** Turns the WebAssembly kernels off and on: tests compare them with the TypeScript ones. */
export function setKernels(on: boolean): void {
  enabled = on;
}

type Typed = Uint8Array | Int16Array | Int32Array | Uint32Array | Float32Array | Float64Array;

/** Addresses for the duration of one call. */
export class Frame {
  readonly #blocks: [at: number, length: number][] = [];
  failed = false;

  /** Address of the data, copied in unless it lies in the kernels' memory already. */
  in(data: Typed): number {
    if (data.buffer === memory.buffer) return data.byteOffset;
    const at = this.take(data.byteLength);
    if (at !== 0) new Uint8Array(memory.buffer, at, data.byteLength).set(bytesOf(data));
    return at;
  }

  /** Address of `length` bytes of scratch memory. */
  take(length: number): number {
    const at = allocate(length);
    if (at === 0) this.failed = true;
    else this.#blocks.push([at, length]);
    return at;
  }

  release(): void {
    for (const [at, length] of this.#blocks) release(at, length);
  }
}

function bytesOf(data: Typed): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Calls kernels that write `out`. False when they cannot run here (no SIMD, switched off, images too large for their
 * memory): the caller then does the work itself.
 */
export function runKernels(out: Uint8Array, call: (kernels: Kernels, frame: Frame, outAt: number) => void): boolean {
  if (loaded === undefined || !enabled || out.buffer !== memory.buffer) return false;
  const frame = new Frame();
  try {
    call(loaded, frame, out.byteOffset);
    return !frame.failed;
  } finally {
    frame.release();
  }
}
