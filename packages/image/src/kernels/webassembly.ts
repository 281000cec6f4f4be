export interface WebAssemblyMemory {
  readonly buffer: ArrayBuffer;
  /** Detaches `buffer`. @throws RangeError when there is no memory */
  grow(pages: number): number;
}

/** The few parts of the WebAssembly interface that are used here; Node's own types do not describe it. */
interface WebAssemblyInterface {
  readonly Memory: new (options: { initial: number; maximum: number }) => WebAssemblyMemory;
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Readonly<Record<string, unknown>> };
}

export const webAssembly = (globalThis as unknown as { WebAssembly: WebAssemblyInterface }).WebAssembly;
