import { onesLike } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { nnError } from "../errors.ts";
import { checkProbability, dropout } from "./dropout.ts";

export interface AttentionArguments {
  /** Broadcast to [..., L, S]: bool (true takes part) or float (added to the scores). */
  readonly mask?: Tensor | null;
  /** Each position sees itself and those before it only. */
  readonly causal?: boolean;
  readonly dropout?: number;
  readonly training?: boolean;
  /** `1 / sqrt(E)` by default. */
  readonly scale?: number;
}

/**
 * `softmax(query keyᵀ * scale + mask) value`, by operators that LibTorch 1.13 and 2.x both have.
 * @param query [..., L, E]
 * @param key [..., S, E]
 * @param value [..., S, V]
 * @returns the result [..., L, V] and the attention weights [..., L, S], after dropout
 */
export function attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionArguments = {},
): { readonly output: Tensor; readonly weights: Tensor } {
  const { mask = null, causal = false, dropout: p = 0, training = true } = options;
  checkProbability("attention", p);
  checkMask("mask", mask);
  if (causal && mask !== null) throw nnError("attention: expected either a mask or causal, received both");
  const { scale = 1 / Math.sqrt(query.shape.at(-1) ?? 1) } = options;
  let scores = query.mul(scale).matmul(key.transpose(-2, -1));
  if (mask !== null) scores = mask.dtype === "bool" ? hide(scores, mask) : scores.add(mask.to({ dtype: scores.dtype }));
  if (causal) scores = hide(scores, onesLike(scores, { dtype: "bool" }).tril());
  const probabilities = scores.softmax(-1);
  const weights = p > 0 ? dropout(probabilities, { p, training }) : probabilities;
  return { output: weights.matmul(value), weights };
}

/** Integers would be added to the scores in silence. */
export function checkMask(name: string, mask: Tensor | null): void {
  if (mask === null || mask.dtype === "bool" || mask.isFloatingPoint) return;
  throw nnError(`attention: expected ${name} to be bool or floating-point, received ${mask.dtype}`);
}

function hide(scores: Tensor, seen: Tensor): Tensor {
  return scores.maskedFill(seen.logicalNot(), Number.NEGATIVE_INFINITY);
}

/** PyTorch's `scaled_dot_product_attention`: `attention` without its weights. */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: AttentionArguments = {},
): Tensor {
  return attention(query, key, value, options).output;
}
