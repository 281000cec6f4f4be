import { float } from "../proto/build.ts";
import type { Converter, ConverterTable } from "./call.ts";

/** x W^T + b. Gemm takes matrices only; a deeper batch goes through MatMul. */
const linear: Converter = (call, graph) => {
  const input = call.tensor("input");
  const weight = call.tensor("weight");
  const bias = call.optionalTensor("bias");
  if (input.shape.length === 2) {
    return graph.node("Gemm", [input.name, weight.name, bias?.name], { transB: 1 });
  }
  const transposed = graph.node("Transpose", [weight.name], { perm: [1, 0] });
  const product = graph.node("MatMul", [input.name, transposed]);
  return bias === undefined ? product : graph.node("Add", [product, bias.name]);
};

/** beta * self + alpha * mat1 @ mat2 */
const addmm: Converter = (call, graph) =>
  graph.node("Gemm", [call.tensor("mat1").name, call.tensor("mat2").name, call.tensor("self").name], {
    alpha: float(call.number("alpha", 1)),
    beta: float(call.number("beta", 1)),
  });

const matmul: Converter = (call, graph) => {
  const other = call.optionalTensor("other") ?? call.tensor("mat2");
  return graph.node("MatMul", [call.tensor("self").name, other.name]);
};

const baddbmm: Converter = (call, graph) => {
  const { dtype } = call.tensor("self");
  const scaled = (name: string, factor: number) =>
    factor === 1 ? name : graph.node("Mul", [name, graph.scalar(factor, dtype)]);
  const product = graph.node("MatMul", [call.tensor("batch1").name, call.tensor("batch2").name]);
  const shift = scaled(call.tensor("self").name, call.number("beta", 1));
  return graph.node("Add", [scaled(product, call.number("alpha", 1)), shift]);
};

/** softmax(scale * Q K^T + mask) V, scale 1 / sqrt(width of a head). */
const attention: Converter = (call, graph) => {
  const [query, key, value] = [call.tensor("query"), call.tensor("key"), call.tensor("value")];
  const rank = query.shape.length;
  const width = query.shape.at(-1);
  if (call.number("dropout_p", 0) > 0) throw call.unsupported("it is random; call model.eval() first");
  if (call.boolean("is_causal")) throw call.unsupported("causal attention has no converter");
  if (typeof width !== "number") throw call.unsupported("the width of a head is dynamic");
  const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  const scale = call.number("scale", 1 / Math.sqrt(width));
  const scaled = graph.node("Mul", [query.name, graph.scalar(scale, query.dtype)]);
  let scores = graph.node("MatMul", [scaled, graph.node("Transpose", [key.name], { perm })]);
  const mask = call.optionalTensor("attn_mask");
  if (mask?.dtype === "bool") {
    const zero = graph.scalar(0, query.dtype);
    const never = graph.scalar(Number.NEGATIVE_INFINITY, query.dtype);
    scores = graph.node("Add", [scores, graph.node("Where", [mask.name, zero, never])]);
  } else if (mask !== undefined) {
    scores = graph.node("Add", [scores, mask.name]);
  }
  const mixed = graph.node("MatMul", [graph.node("Softmax", [scores], { axis: rank - 1 }), value.name]);
  return call.results.map((_, i) => (i === 0 ? mixed : ""));
};

export const linearOps: ConverterTable = {
  linear,
  addmm,
  matmul,
  mm: matmul,
  bmm: matmul,
  baddbmm,
  scaled_dot_product_attention: attention,
};
