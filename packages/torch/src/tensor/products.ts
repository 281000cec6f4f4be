import { bind } from "../ops/dispatch.ts";
import type { TensorCore } from "./core.ts";
import { OrderTensor } from "./order.ts";
import type { Tensor } from "./tensor.ts";

const [matmul, mm, bmm, mv, dot] = [
  bind("aten::matmul"),
  bind("aten::mm"),
  bind("aten::bmm"),
  bind("aten::mv"),
  bind("aten::dot"),
];
const [outer, trace, einsumOp] = [bind("aten::outer"), bind("aten::trace"), bind("aten::einsum")];
const [addmm, baddbmm] = [bind("aten::addmm"), bind("aten::baddbmm")];

/** Matrix products. */
export class ProductTensor extends OrderTensor {
  /** The matrix product, batched over leading dimensions; vectors as in PyTorch. */
  matmul(other: TensorCore): Tensor {
    return matmul(this, other);
  }
  mm(other: TensorCore): Tensor {
    return mm(this, other);
  }
  bmm(other: TensorCore): Tensor {
    return bmm(this, other);
  }
  mv(vector: TensorCore): Tensor {
    return mv(this, vector);
  }
  dot(other: TensorCore): Tensor {
    return dot(this, other);
  }
  /** The products of all elements of two vectors, [n, m]. */
  outer(other: TensorCore): Tensor {
    return outer(this, other);
  }
  /** The sum of a matrix's diagonal. */
  trace(): Tensor {
    return trace(this);
  }
  /** `beta * this + alpha * a @ b` */
  addmm(a: TensorCore, b: TensorCore, { beta = 1, alpha = 1 }: { beta?: number; alpha?: number } = {}): Tensor {
    return addmm(this, a, b, beta, alpha);
  }
  /** `beta * this + alpha * a @ b` for batches of matrices. */
  baddbmm(a: TensorCore, b: TensorCore, { beta = 1, alpha = 1 }: { beta?: number; alpha?: number } = {}): Tensor {
    return baddbmm(this, a, b, beta, alpha);
  }
}

/** Sums of products over the dimensions that `equation` names: `einsum("bij,bjk->bik", a, b)`. */
export function einsum(equation: string, ...operands: TensorCore[]): Tensor {
  return einsumOp(equation, operands);
}
