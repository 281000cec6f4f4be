import { bind } from "../../ops/dispatch.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { nnError } from "../errors.ts";
import { inFloat32 } from "./half-precision.ts";

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
  if (mode !== "constant" && value !== 0)
    throw nnError(`pad: expected no value with mode '${mode}', received ${value}`);
  if (mode === "constant") return atenPad(input, padding, mode, value);
  return inFloat32(input, (x) => atenPad(x, padding, mode, null));
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
  if (mode === "bilinear") return atenUpsampleBilinear(input, size, alignCorners);
  if (mode !== "nearest") throw nnError(`interpolate: expected a mode 'nearest' or 'bilinear', received '${mode}'`);
  if (alignCorners) throw nnError("interpolate: alignCorners needs mode 'bilinear'");
  return atenUpsampleNearest(input, size);
}
