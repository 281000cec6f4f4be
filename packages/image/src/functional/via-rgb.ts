import { recycle, takeBytes } from "../kernels/buffers.ts";

/**
 * Runs an operation that treats channels alike, and that the kernels have for three, on pixels with another number of
 * channels: three at a time, the last one repeated. `run` is given the pixels and which channels they are.
 */
export function viaRgb(
  { data, channels }: { readonly data: Uint8Array; readonly channels: number },
  run: (rgb: Uint8Array, channels: readonly number[]) => Uint8Array,
): Uint8Array {
  const pixels = data.length / channels;
  let out: Uint8Array | undefined;
  for (let first = 0; first < channels; first += 3) {
    const taken = [0, 1, 2].map((c) => Math.min(first + c, channels - 1));
    const rgb = takeBytes(pixels * 3);
    for (let i = 0, at = 0; i < data.length; i += channels) {
      for (const c of taken) rgb[at++] = data[i + c] as number;
    }
    const made = run(rgb, taken);
    out ??= takeBytes((made.length / 3) * channels);
    for (let i = 0, at = 0; at < made.length; i += channels) {
      for (const c of taken) out[i + c] = made[at++] as number;
    }
    if (made !== rgb) recycle(made);
    recycle(rgb);
  }
  return out as Uint8Array;
}
