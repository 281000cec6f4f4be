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
  if (typeof width !== "number") throw call.unsupported("the width of a head is dynamic");
  const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  const scale = call.has("scale") ? call.number("scale") : 1 / Math.sqrt(width);
  const scaled = graph.node("Mul", [query.name, graph.scalar(scale, query.dtype)]);
  let scores = graph.node("MatMul", [scaled, graph.node("Transpose", [key.name], { perm })]);
  const hidden = graph.scalar(Number.NEGATIVE_INFINITY, query.dtype);
  const mask = call.optionalTensor("attn_mask");
  if (mask?.dtype === "bool") scores = graph.node("Where", [mask.name, scores, hidden]);
  else if (mask !== undefined) scores = graph.node("Add", [scores, mask.name]);
  if (call.boolean("is_causal")) {
    const pairs = graph.shape([query.shape.at(-2) ?? 1, key.shape.at(-2) ?? 1]);
    const ones = graph.node("Expand", [graph.scalar(1, "int64"), pairs]);
    const seen = { name: graph.node("Trilu", [ones], { upper: 0 }), shape: [], dtype: "int64" } as const;
    scores = graph.node("Where", [graph.cast(seen, "bool"), scores, hidden]);
  }
  const mixed = graph.node("MatMul", [graph.node("Softmax", [scores], { axis: rank - 1 }), value.name]);
  return call.onlyFirst(mixed);
};

const einsum: Converter = (call, graph) => {
  call.ignore("path"); // the order of the products
  const names = call.tensors("tensors").map(({ name }) => name);
  return graph.node("Einsum", names, { equation: call.text("equation", "") });
};

/** Products of two vectors, or of a matrix with one. */
function product(first: string, second: string): Converter {
  return (call, graph) => graph.node("MatMul", [call.tensor(first).name, call.tensor(second).name]);
}

const outer: Converter = (call, graph) => {
  const column = graph.node("Unsqueeze", [call.tensor("self").name, graph.ints([1])]);
  const other = call.optionalTensor("vec2") ?? call.tensor("other");
  return graph.node("Mul", [column, graph.node("Unsqueeze", [other.name, graph.ints([0])])]);
};

export const linearOps: ConverterTable = {
  linear,
  addmm,
  matmul,
  mm: matmul,
  bmm: matmul,
  baddbmm,
  mv: product("self", "vec"),
  dot: product("self", "tensor"),
  outer,
  einsum,
  scaled_dot_product_attention: attention,
};
