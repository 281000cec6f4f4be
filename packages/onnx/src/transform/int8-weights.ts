/** A weight as int8, symmetric: value = scale * quantized, one scale for each slice along an axis. */
export interface QuantizedWeight {
  readonly data: Int8Array;
  readonly scales: Float32Array;
}

/**
 * Quantizes a weight symmetrically to [-127, 127], each slice along `axis` by its own largest value.
 * @param reduceRange Use [-64, 64] instead: on x86 processors without VNNI the int8 kernels add pairs of products in 16
 * bits, which overflow with the full range.
 */
export function quantizeWeight(
  values: Float32Array,
  dims: readonly number[],
  axis: number,
  reduceRange: boolean,
): QuantizedWeight {
  const slices = dims[axis] ?? 1;
  const inner = dims.slice(axis + 1).reduce((product, size) => product * size, 1);
  const largest = new Float32Array(slices);
  const sliceOf = (i: number) => Math.floor(i / inner) % slices;
  for (let i = 0; i < values.length; i++) {
    const slice = sliceOf(i);
    largest[slice] = Math.max(largest[slice] as number, Math.abs(values[i] as number));
  }
  const limit = reduceRange ? 64 : 127;
  const scales = largest.map((value) => (value === 0 ? 1 : value / limit));
  const data = new Int8Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const scaled = Math.round((values[i] as number) / (scales[sliceOf(i)] as number));
    data[i] = Math.max(-limit, Math.min(limit, scaled));
  }
  return { data, scales };
}
