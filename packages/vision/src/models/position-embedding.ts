import { cat, ops, type Tensor } from "@classifier-training/torch";

/** torchvision resizes with aligned corners (`interpolate_embeddings`), timm with antialiasing (`resample_abs_pos_embed`). */
export type Resample = "aligned_corners" | "antialias";

/**
 * Fits a position embedding [1, 1 + side^2, C] of a Vision Transformer to another number of patches: the class token's
 * stays, the grid's is resized bicubically. @param tokens 1 + the new side^2
 */
export function resizePositionEmbedding(embedding: Tensor, tokens: number, resample: Resample): Tensor {
  const [, have = 0, channels = 0] = embedding.shape;
  if (have === tokens) return embedding;
  const side = Math.round(Math.sqrt(have - 1));
  const newSide = Math.round(Math.sqrt(tokens - 1));
  const classToken = embedding.narrow(1, 0, 1);
  const grid = embedding
    .narrow(1, 1, have - 1)
    .permute([0, 2, 1])
    .reshape([1, channels, side, side]);
  const size = [newSide, newSide];
  const resized = (
    resample === "antialias"
      ? ops.aten["_upsample_bicubic2d_aa"]!(grid.to({ dtype: "float32" }), size, false)
      : ops.aten["upsample_bicubic2d"]!(grid, size, true)
  ) as Tensor;
  const flat = resized.reshape([1, channels, newSide * newSide]).permute([0, 2, 1]);
  return cat([classToken, flat], 1);
}
