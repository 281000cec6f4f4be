import { expect, test } from "vitest";
import type { GraphNode, GraphTensor, OnnxGraph } from "./graph.ts";
import { unfoldBatchNorms } from "./unfold-batch-norm.ts";

const constant = (shape: readonly number[], value = 0.5): GraphTensor => ({
  dtype: "float32",
  shape,
  data: new Uint8Array(new Float32Array(shape.reduce((size, side) => size * side, 1)).fill(value).buffer),
});

const conv = (name: string, input: string, weights: string, bias = `${weights}.bias`): GraphNode => ({
  op: "Conv",
  name,
  inputs: [input, `${weights}.weight`, bias],
  outputs: [`${name}.out`],
  attributes: {},
});

const node = (op: string, name: string, ...inputs: string[]): GraphNode => ({
  ...{ op, name, inputs, outputs: [`${name}.out`], attributes: {} },
});

/** A stem, squeeze-and-excitation on it, and a convolution that gives the logits. */
function graph(extra: readonly GraphNode[] = []): OnnxGraph {
  return {
    inputs: [{ name: "x", dtype: "float32", shape: ["batch", 3, 8, 8] }],
    outputs: [{ name: "head.out", dtype: "float32", shape: ["batch", 2, 8, 8] }],
    nodes: [
      conv("stem", "x", "stem"),
      node("Relu", "relu", "stem.out"),
      node("GlobalAveragePool", "squeeze", "relu.out"),
      conv("reduce", "squeeze.out", "reduce"),
      node("Mul", "scale", "relu.out", "reduce.out"),
      ...extra,
      conv("head", "scale.out", "head"),
    ],
    initializers: new Map([
      ["stem.weight", constant([4, 3, 3, 3])],
      ["stem.bias", constant([4], 0.25)],
      ["reduce.weight", constant([4, 4, 1, 1])],
      ["reduce.bias", constant([4])],
      ["head.weight", constant([2, 4, 1, 1])],
      ["head.bias", constant([2])],
    ]),
    opset: 17,
    metadata: {},
    producer: "",
  };
}

test("a batch norm takes the bias of each convolution over a map, but not those of squeezed maps or of the output", () => {
  const { nodes, initializers } = unfoldBatchNorms(graph());
  expect(nodes.map(({ name }) => name)).toEqual(["stem", "stem_norm", "relu", "squeeze", "reduce", "scale", "head"]);
  const [stem, norm, relu] = nodes as [GraphNode, GraphNode, GraphNode];
  expect(stem.inputs).toEqual(["x", "stem.weight"]);
  expect(norm).toMatchObject({ op: "BatchNormalization", outputs: relu.inputs, attributes: { epsilon: 1e-5 } });
  const values = norm.inputs
    .slice(1)
    .map((name) => new Float32Array((initializers.get(name) as GraphTensor).data.buffer)[0]);
  expect(values).toEqual([Math.fround(Math.sqrt(1 + 1e-5)), 0.25, 0, 1]);
  expect(initializers.has("stem.bias")).toBe(false);
});

test("networks with normalizations of their own stay as they are", () => {
  const own = graph([node("LayerNormalization", "norm", "scale.out")]);
  expect(unfoldBatchNorms(own)).toBe(own);
  const unfolded = unfoldBatchNorms(graph());
  expect(unfoldBatchNorms(unfolded)).toBe(unfolded);
});
