import { empty, zerosLike } from "../tensor/create.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { nnError } from "./errors.ts";
import { attention, checkMask } from "./functional/attention.ts";
import { checkProbability } from "./functional/dropout.ts";
import { linear } from "./functional/linear.ts";
import { xavierUniform_, zeros_ } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { Parameter } from "./parameter.ts";

export interface MultiheadAttentionOptions {
  readonly dropout?: number;
  readonly bias?: boolean;
  /** Widths of key and value where they differ from the query's. */
  readonly kdim?: number | null;
  readonly vdim?: number | null;
  /** [N, L, E] instead of [L, N, E]. */
  readonly batchFirst?: boolean;
}

export interface MultiheadAttentionArguments {
  /** [N, S], or [S] without a batch: true hides a position of the key (or float, added to the scores). */
  readonly keyPaddingMask?: Tensor | null;
  /** [L, S] or [N * heads, L, S]: true hides a pair (or float, added to the scores). */
  readonly attnMask?: Tensor | null;
  readonly needWeights?: boolean;
  readonly averageAttnWeights?: boolean;
}

export interface AttentionResult {
  readonly output: Tensor;
  /** After dropout: [N, L, S], or [N, heads, L, S] when not averaged; null unless asked for. */
  readonly weights: Tensor | null;
}

type Inputs = [query: Tensor, key: Tensor, value: Tensor, options?: MultiheadAttentionArguments];

/** Attention in several heads (Vaswani et al., 2017), with PyTorch's parameters and their names. */
export class MultiheadAttention extends Module<Inputs, AttentionResult> {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  /** [3E, E]: the projections of query, key and value; null where their widths differ. */
  declare in_proj_weight: Parameter | null;
  declare q_proj_weight: Parameter | null;
  declare k_proj_weight: Parameter | null;
  declare v_proj_weight: Parameter | null;
  declare in_proj_bias: Parameter | null;
  readonly out_proj: Linear;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    checkProbability("MultiheadAttention", options.dropout ?? 0);
    const { dropout = 0, bias = true, batchFirst = false } = options;
    const [kdim, vdim] = [options.kdim ?? embedDim, options.vdim ?? embedDim];
    if (!(embedDim > 0 && embedDim % numHeads === 0)) {
      throw nnError(`MultiheadAttention: a width of ${embedDim} cannot be divided into ${numHeads} heads`);
    }
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.headDim = embedDim / numHeads;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    const same = kdim === embedDim && vdim === embedDim;
    const weight = (wanted: boolean, rows: number, columns: number) =>
      wanted ? new Parameter(empty([rows, columns])) : null;
    this.registerParameter("in_proj_weight", weight(same, 3 * embedDim, embedDim));
    this.registerParameter("q_proj_weight", weight(!same, embedDim, embedDim));
    this.registerParameter("k_proj_weight", weight(!same, embedDim, kdim));
    this.registerParameter("v_proj_weight", weight(!same, embedDim, vdim));
    this.registerParameter("in_proj_bias", bias ? new Parameter(empty([3 * embedDim])) : null);
    this.out_proj = new Linear(embedDim, embedDim, { bias });
    this.resetParameters();
  }

  resetParameters(): void {
    const { in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight } = this;
    for (const weight of [in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight]) {
      if (weight) xavierUniform_(weight);
    }
    if (this.in_proj_bias) zeros_(this.in_proj_bias);
    if (this.out_proj.bias) zeros_(this.out_proj.bias);
  }

  /**
   * @param query [L, N, E] ([N, L, E] when batchFirst), or [L, E] without a batch
   * @param key [S, N, kdim]
   * @param value [S, N, vdim]
   */
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options: MultiheadAttentionArguments = {},
  ): AttentionResult {
    if (query.ndim !== 2) return this.#attend(query, key, value, options);
    const batchAt = this.batchFirst ? 0 : 1;
    // Self-attention projects its one input by one GEMM.
    const batched = new Map([query, key, value].map((input) => [input, input.unsqueeze(batchAt)]));
    const inputs = [query, key, value].map((input) => batched.get(input)) as [Tensor, Tensor, Tensor];
    const keyPaddingMask = options.keyPaddingMask?.unsqueeze(0) ?? null;
    const { output, weights } = this.#attend(...inputs, { ...options, keyPaddingMask });
    return { output: output.squeeze(batchAt), weights: weights?.squeeze(0) ?? null };
  }

  #attend(query: Tensor, key: Tensor, value: Tensor, options: MultiheadAttentionArguments): AttentionResult {
    const { needWeights = true, averageAttnWeights = true } = options;
    this.#checkShapes(query, key, value);
    const batchAt = this.batchFirst ? 0 : 1;
    const [batch, length] = [query.size(batchAt), query.size(1 - batchAt)];
    const [q, k, v] = this.#project(query, key, value).map((projected) => {
      const byBatch = this.batchFirst ? projected : projected.transpose(0, 1);
      return byBatch.unflatten(-1, [this.numHeads, this.headDim]).transpose(1, 2);
    }) as [Tensor, Tensor, Tensor];
    const mask = this.#mask(options, [batch, length, key.size(1 - batchAt)], q);
    const { dropout, training } = this;
    const { output, weights } = attention(q, k, v, { mask, dropout, training });
    const joined = output.transpose(1, 2).reshape([batch, length, this.embedDim]);
    return {
      output: this.out_proj.call(this.batchFirst ? joined : joined.transpose(0, 1)),
      weights: needWeights ? (averageAttnWeights ? weights.mean(1) : weights) : null,
    };
  }

  #checkShapes(query: Tensor, key: Tensor, value: Tensor): void {
    const batchAt = this.batchFirst ? 0 : 1;
    const fits =
      [query, key, value].every(({ ndim }) => ndim === 3) &&
      query.size(2) === this.embedDim &&
      key.size(batchAt) === query.size(batchAt) &&
      [0, 1].every((dim) => key.size(dim) === value.size(dim));
    if (fits) return;
    const [q, k] = this.batchFirst ? ["N, L", "N, S"] : ["L, N", "S, N"];
    const given = [query, key, value].map(({ shape }) => `[${shape.join(", ")}]`).join(", ");
    throw nnError(
      `MultiheadAttention: expected a query [${q}, ${this.embedDim}], a key and a value [${k}, ...], received ${given}`,
    );
  }

  #project(query: Tensor, key: Tensor, value: Tensor): Tensor[] {
    const { in_proj_weight: weight, in_proj_bias: bias } = this;
    if (weight !== null && query === key && key === value) return linear(query, weight, bias).chunk(3, -1);
    const weights = weight?.chunk(3) ?? [this.q_proj_weight, this.k_proj_weight, this.v_proj_weight];
    const biases = bias?.chunk(3);
    return [query, key, value].map((input, i) => linear(input, weights[i] as Tensor, biases?.[i] ?? null));
  }

  /** Both masks as one that is added to the scores [N, heads, L, S]. */
  #mask(
    { keyPaddingMask, attnMask }: MultiheadAttentionArguments,
    [batch, length, keys]: readonly [number, number, number],
    like: Tensor,
  ): Tensor | null {
    const additive = (name: string, mask: Tensor, ...shapes: readonly number[][]): Tensor => {
      checkMask(name, mask);
      if (!shapes.some((shape) => String(shape) === String(mask.shape))) {
        const expected = shapes.map((shape) => `[${shape.join(", ")}]`).join(" or ");
        throw nnError(`MultiheadAttention: expected ${name} of shape ${expected}, received [${mask.shape.join(", ")}]`);
      }
      const { dtype } = like;
      if (mask.dtype !== "bool") return mask.to({ dtype });
      return zerosLike(mask, { dtype }).maskedFill(mask, Number.NEGATIVE_INFINITY);
    };
    const padding = keyPaddingMask
      ? additive("keyPaddingMask", keyPaddingMask, [batch, keys]).unsqueeze(1).unsqueeze(1)
      : null;
    if (!attnMask) return padding;
    const pairs = additive("attnMask", attnMask, [length, keys], [batch * this.numHeads, length, keys]);
    const shaped = pairs.ndim === 3 ? pairs.unflatten(0, [batch, this.numHeads]) : pairs;
    return padding ? shaped.add(padding) : shaped;
  }
}
