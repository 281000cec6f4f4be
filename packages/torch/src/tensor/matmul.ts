import { bind } from "../ops/dispatch.ts";
import type { Tensor } from "./tensor.ts";

function product(name: string): (self: Tensor, other: Tensor) => Tensor {
  const call = bind(`aten::${name}`);
  return (self, other) => call(self, other);
}

/** `beta` and `alpha` are 1 when left out. */
export interface Factors {
  readonly beta?: number;
  readonly alpha?: number;
}

function sumWithProduct(name: string): (self: Tensor, a: Tensor, b: Tensor, options?: Factors) => Tensor {
  const call = bind(`aten::${name}`);
  return (self, a, b, { beta = 1, alpha = 1 } = {}) => call(self, a, b, beta, alpha);
}

const [trace, einsumOperator] = [bind("aten::trace"), bind("aten::einsum")];

/** Matrix products. */
export const matmul = {
  /** The matrix product, batched over leading dimensions; vectors as in PyTorch. */
  matmul: product("matmul"),
  mm: product("mm"),
  bmm: product("bmm"),
  mv: product("mv"),
  dot: product("dot"),
  /** The products of all elements of two vectors, [n, m]. */
  outer: product("outer"),
  /** The sum of a matrix's diagonal. */
  trace(self: Tensor): Tensor {
    return trace(self);
  },
  /** `beta * this + alpha * a @ b` */
  addmm: sumWithProduct("addmm"),
  /** `beta * this + alpha * a @ b` for batches of matrices. */
  baddbmm: sumWithProduct("baddbmm"),
};

/** Sums of products over the dimensions that `equation` names: `einsum("bij,bjk->bik", a, b)`. */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  return einsumOperator(equation, operands);
}
