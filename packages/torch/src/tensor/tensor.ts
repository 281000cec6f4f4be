import { GradTensor } from "./grad.ts";
import { setTensorClass } from "./wrap.ts";

/**
 * An n-dimensional array of LibTorch, with autograd. The methods are grouped by file: element-wise (`pointwise.ts`),
 * reductions and products (`reduce.ts`), shapes and moves (`views.ts`), indexing, data, gradients. Every other operator
 * of LibTorch is in `ops.aten`.
 *
 * A tensor lives until its scope ends, `dispose()`, or the garbage collector finds it.
 */
export class Tensor extends GradTensor {}

setTensorClass(Tensor);
