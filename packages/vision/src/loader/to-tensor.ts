import { fromBuffer, fromTypedArray, fused, noGrad, scope, type Tensor, tensor } from "@classifier-training/torch";
import type { BatchTail } from "./pipeline.ts";
import type { RawBatch } from "./raw-loader.ts";

/**
 * The images of a batch as one float32 tensor [N, C, H, W] in channels_last memory. uint8 samples are scaled to [0, 1],
 * normalized and erased here, for the whole batch in one pass; the results are those of doing it per image, but for the
 * last bit of a float32.
 */
export function batchImages(batch: RawBatch, kept: readonly number[], tail: BatchTail | undefined): Tensor {
  const { width, height, channels, dtype } = batch.sample;
  const n = batch.indices.length;
  return noGrad(() =>
    scope(() => {
      let stored = fromBuffer(batch.memory, batch.offset, [n, height, width, channels], dtype);
      if (kept.length < n) stored = stored.indexSelect(0, tensor([...kept], { dtype: "int64" }));
      // The ring's memory is used again, so whatever leaves here is a copy.
      if (dtype === "float32") return stored.permute(0, 3, 1, 2).clone();
      const images = tail?.normalize
        ? fused.normalizeImages(stored, spread(tail.normalize, channels))
        : stored.permute(0, 3, 1, 2).to({ dtype: "float32" });
      if (tail && !tail.normalize) images.div_(255);
      if (tail?.erase) eraseBoxes(images, batch, kept, tail.erase.value);
      return images;
    }),
  );
}

/** One mean and deviation for each channel: a single one is for all. */
function spread({ mean, std }: { mean: readonly number[]; std: readonly number[] }, channels: number) {
  const all = (values: readonly number[]) =>
    Array.from({ length: channels }, (_, c) => values[c % values.length] as number);
  return { mean: all(mean), std: all(std) };
}

function perChannel(values: readonly number[], channels: number): Tensor {
  const all = Float32Array.from({ length: channels }, (_, c) => values[c % values.length] as number);
  return fromTypedArray(all, [1, channels, 1, 1]);
}

function eraseBoxes(images: Tensor, batch: RawBatch, kept: readonly number[], value: number | readonly number[]): void {
  const channels = batch.sample.channels;
  for (const [row, position] of kept.entries()) {
    const [left = 0, top = 0, width = 0, height = 0] = batch.erase.subarray(4 * position, 4 * position + 4);
    if (width === 0) continue;
    const part = images.select(0, row).narrow(1, top, height).narrow(2, left, width);
    if (typeof value === "number") part.fill_(value);
    else part.copy_(perChannel(value, channels).select(0, 0).expand([channels, height, width]));
  }
}
