import { bind } from "../../ops/dispatch.ts";
import { empty } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { nnError } from "../errors.ts";

const atenDropout = bind("aten::dropout");
const atenDropoutInPlace = bind("aten::dropout_");
const [atenFeatureDropout, atenFeatureDropoutInPlace] = [bind("aten::feature_dropout"), bind("aten::feature_dropout_")];

export interface DropoutArguments {
  /** Probability of dropping. */
  readonly p?: number;
  readonly training?: boolean;
  /** Overwrites the input, which saves the memory of a copy. */
  readonly inplace?: boolean;
}

/** Zeroes single elements with probability `p` and scales the others by `1 / (1 - p)`. */
export function dropout(input: Tensor, options: DropoutArguments = {}): Tensor {
  const { p = 0.5, training = true, inplace = false } = options;
  checkProbability("dropout", p);
  return (inplace ? atenDropoutInPlace : atenDropout)(input, p, training);
}

/** Zeroes whole channels. @param input [N, C, H, W] */
export function dropout2d(input: Tensor, options: DropoutArguments = {}): Tensor {
  const { p = 0.5, training = true, inplace = false } = options;
  checkProbability("dropout2d", p);
  return (inplace ? atenFeatureDropoutInPlace : atenFeatureDropout)(input, p, training);
}

/** `"row"` decides for each sample of the batch, `"batch"` once for all. */
export type StochasticDepthMode = "row" | "batch";

/**
 * Drops whole samples of a residual branch (Huang et al., "Deep Networks with Stochastic Depth", 2016), as
 * torchvision.ops does: the survivors are scaled by `1 / (1 - p)`.
 * @param input [N, ...]
 */
export function stochasticDepth(
  input: Tensor,
  p: number,
  mode: StochasticDepthMode,
  { training = true }: { readonly training?: boolean } = {},
): Tensor {
  checkProbability("stochasticDepth", p);
  if (mode !== "row" && mode !== "batch") {
    throw nnError(`stochasticDepth: expected a mode 'row' or 'batch', received '${String(mode)}'`);
  }
  if (!training || p === 0) return input;
  const survival = 1 - p;
  const { shape } = input;
  const size = shape.map((length, i) => (i === 0 && mode === "row" ? length : 1));
  const noise = empty(size, { dtype: input.dtype, device: input.device }).bernoulli_(survival);
  return input.mul(survival > 0 ? noise.div_(survival) : noise);
}

export function checkProbability(name: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw nnError(`${name}: expected a probability between 0 and 1, received ${p}`);
}
