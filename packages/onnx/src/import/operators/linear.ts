import { nn, type Tensor } from "@classifier-training/torch";
import { asTensor, type Value } from "../values.ts";
import type { NodeSetup, Operator, OperatorTable, Run } from "./setup.ts";

const transpose = (tensor: Tensor) => tensor.t().contiguous();

/** @param bias the name of its constant */
function linear(setup: NodeSetup, isTransposed: boolean, bias: string | undefined): Run {
  const [rows = 0, columns = 0] = setup.constant(1)?.shape ?? [];
  const [outFeatures, inFeatures] = isTransposed ? [rows, columns] : [columns, rows];
  const layer = setup.layer(1, () => {
    const made = new nn.Linear(inFeatures, outFeatures, { bias: false });
    made.weight = setup.parameter(1, isTransposed ? undefined : transpose);
    if (bias !== undefined) made.bias = setup.place.parameter(bias, (row) => row.reshape([outFeatures]));
    return made;
  });
  return (x) => layer.call(asTensor(x as Value));
}

const matMul: Operator = (setup) => {
  if (setup.weight(1, 2) !== undefined) return linear(setup, false, setup.addedBias);
  return (a, b) => asTensor(a as Value).matmul(asTensor(b as Value));
};

/** alpha A' B' + beta C */
const gemm: Operator = (setup) => {
  const [alpha, beta] = [setup.number("alpha", 1), setup.number("beta", 1)];
  const [transA, transB] = [setup.number("transA", 0) === 1, setup.number("transB", 0) === 1];
  const columns = setup.constant(1)?.shape[transB ? 0 : 1];
  const bias = setup.weight(2);
  const isRow =
    bias?.shape.at(-1) === columns && bias?.shape.every((size, i, { length }) => i === length - 1 || size === 1);
  const isPlain = alpha === 1 && beta === 1 && !transA && (!setup.has(2) || isRow);
  if (isPlain && setup.weight(1, 2) !== undefined)
    return linear(setup, transB, setup.has(2) ? setup.node.inputs[2] : undefined);
  return (a, b, c) => {
    const [first, second] = [asTensor(a as Value), asTensor(b as Value)];
    const product = (transA ? first.t() : first).matmul(transB ? second.t() : second);
    const scaled = alpha === 1 ? product : product.mul(alpha);
    return c === undefined ? scaled : scaled.add(beta === 1 ? asTensor(c) : asTensor(c).mul(beta));
  };
};

export const linearOperators: OperatorTable = { MatMul: matMul, Gemm: gemm };
