import { bind } from "../../ops/dispatch.ts";
import type { Tensor } from "../../tensor/tensor.ts";

const atenPad = bind("aten::pad");
const atenUpsampleNearest = bind("aten::upsample_nearest2d");
const atenUpsampleBilinear = bind("aten::upsample_bilinear2d");

export type PadMode = "constant" | "reflect" | "replicate" | "circular";

/**
 * Pads the last dimensions.
 * @param padding [left, right, top, bottom, ...]: two for each dimension, from the last one on; the modes other than
 * `constant` pad height and width of [N, C, H, W]
 */
export function pad(
  input: Tensor,
  padding: readonly number[],
  { mode = "constant", value = 0 }: { readonly mode?: PadMode; readonly value?: number } = {},
): Tensor {
  return atenPad(input, padding, mode, mode === "constant" ? value : null);
}

/** Resizes [N, C, H, W] to `size` ([height, width]). */
export function interpolate(
  input: Tensor,
  size: readonly [number, number],
  {
    mode = "nearest",
    alignCorners = false,
  }: { readonly mode?: "nearest" | "bilinear"; readonly alignCorners?: boolean } = {},
): Tensor {
  return mode === "nearest" ? atenUpsampleNearest(input, size) : atenUpsampleBilinear(input, size, alignCorners);
}
