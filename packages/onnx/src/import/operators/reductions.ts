import type { Tensor } from "@classifier-training/torch";
import { asTensor, HostValue, type Value } from "../values.ts";
import { aten, type Operator, type OperatorTable } from "./setup.ts";
import { listOf } from "./shapes.ts";

type Reduce = (x: Tensor, dims: number[], keepdim: boolean) => Tensor;

/** Over the given axes, or all. */
function reduction(
  compute: Reduce,
  ofNumbers?: (numbers: readonly number[]) => number,
  ofElements: (x: Tensor) => Tensor = (x) => x,
): Operator {
  return (setup) => {
    const keepdim = setup.number("keepdims", 1) === 1;
    const isNothing = setup.number("noop_with_empty_axes", 0) === 1;
    return (value, given) => {
      const axes = listOf(setup, "axes", given) ?? [];
      if (axes.length === 0 && isNothing) return value instanceof HostValue ? value : ofElements(value as Tensor);
      if (value instanceof HostValue && ofNumbers !== undefined && value.shape.length <= 1)
        return new HostValue(value.dtype, keepdim ? [1] : [], [ofNumbers(value.numbers)]);
      const x = asTensor(value as Value);
      return compute(x, axes.length === 0 ? Array.from({ length: x.ndim }, (_, i) => i) : [...axes], keepdim);
    };
  };
}

const call =
  (name: string): Reduce =>
  (x, dims, keepdim) =>
    aten(name, x, dims, keepdim);

const sum = call("sum");

/** One axis after the other, the last first. */
const product: Reduce = (x, dims, keepdim) =>
  dims
    .map((dim) => (dim < 0 ? dim + x.ndim : dim))
    .sort((a, b) => b - a)
    .reduce((value, dim) => aten("prod", value, dim, keepdim), x);

const total = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

export const reductionOperators: OperatorTable = {
  ReduceSum: reduction(sum, total),
  ReduceMean: reduction(call("mean")),
  ReduceMax: reduction(call("amax"), (numbers) => Math.max(...numbers)),
  ReduceMin: reduction(call("amin"), (numbers) => Math.min(...numbers)),
  ReduceProd: reduction(product, (numbers) => numbers.reduce((a, b) => a * b, 1)),
  ReduceL1: reduction(
    (x, dims, keepdim) => sum(x.abs(), dims, keepdim),
    undefined,
    (x) => x.abs(),
  ),
  ReduceL2: reduction(
    (x, dims, keepdim) => sum(x.mul(x), dims, keepdim).sqrt(),
    undefined,
    (x) => x.abs(),
  ),
  ReduceSumSquare: reduction(
    (x, dims, keepdim) => sum(x.mul(x), dims, keepdim),
    undefined,
    (x) => x.mul(x),
  ),
  ReduceLogSum: reduction(
    (x, dims, keepdim) => sum(x, dims, keepdim).log(),
    undefined,
    (x) => x.log(),
  ),
  ReduceLogSumExp: reduction(call("logsumexp")),
};
