import { bind } from "../ops/dispatch.ts";
import { tensor } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { fusedKernelsEnabled } from "./switch.ts";

const fused = bind("ct::normalize_images");

export interface NormalizeImagesOptions {
  /** Per channel, on the scale 0 to 1. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly dtype?: "float32" | "bfloat16";
}

/**
 * `(pixels / 255 - mean) / std`, from bytes to channels-last floats in one pass.
 *
 * @param images uint8 [N, H, W, C]; with at most 4 channels in one pass
 * @returns [N, C, H, W], channels-last
 */
export function normalizeImages(images: Tensor, { mean, std, dtype = "float32" }: NormalizeImagesOptions): Tensor {
  if (canFuse(images, { mean, std, dtype })) return fused(images, mean, std, dtype);
  const options = { device: images.device };
  const centered = images.to({ dtype: "float32" }).div(255).sub(tensor(mean, options)).div(tensor(std, options));
  return centered.permute(0, 3, 1, 2).to({ dtype, memoryFormat: "channels_last" });
}

function canFuse(images: Tensor, { mean, std, dtype }: NormalizeImagesOptions): boolean {
  if (!fusedKernelsEnabled() || images.device !== "cpu" || images.dtype !== "uint8") return false;
  if (images.ndim !== 4 || !images.isContiguous() || (dtype !== "float32" && dtype !== "bfloat16")) return false;
  const channels = images.size(3);
  const isOneEach = mean.length === channels && std.length === channels;
  return channels >= 1 && channels <= 4 && isOneEach && std.every((value) => value !== 0);
}
