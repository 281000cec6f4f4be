import type { GraphNode, OnnxGraph } from "@classifier-training/onnx";
import { expect, test } from "vitest";
import { cutAt, findHead, namedHead } from "./head.ts";

type Step = readonly [op: string, weights?: readonly number[], attributes?: GraphNode["attributes"]];

/** A chain of nodes, named by their operators and places; weights are an initializer. */
function chain(...steps: readonly Step[]): OnnxGraph {
  const initializers: [string, { dtype: "float32"; shape: readonly number[]; data: Uint8Array }][] = [];
  const nodes = steps.map(([op, shape, attributes = {}], i): GraphNode => {
    if (shape !== undefined) {
      const size = shape.reduce((product, side) => product * side, 4);
      initializers.push([`w${i}`, { dtype: "float32", shape, data: new Uint8Array(size) }]);
    }
    const inputs = [i === 0 ? "image" : `v${i - 1}`, ...(shape === undefined ? [] : [`w${i}`])];
    return { op, name: `${op}${i}`, inputs, outputs: [`v${i}`], attributes };
  });
  return {
    inputs: [{ name: "image", dtype: "float32", shape: ["N", 3, 8, 8] }],
    outputs: [{ name: `v${steps.length - 1}`, dtype: "float32", shape: [] }],
    nodes,
    initializers: new Map(initializers),
    opset: 17,
    metadata: {},
    producer: "",
  };
}

const stem: Step = ["Conv", [16, 3, 3, 3]];
const pool: Step = ["GlobalAveragePool"];
const pointwise = (width: number): Step => ["Conv", [width, 16, 1, 1]];

test.each<[what: string, graph: OnnxGraph, head: string | undefined, features: string]>([
  ["a linear layer", chain(stem, pool, ["Flatten"], ["Gemm", [5, 16], { transB: 1 }]), "Gemm3", "v2"],
  ["behind softmax", chain(stem, pool, ["Flatten"], ["MatMul", [16, 5]], ["Add", [5]], ["Softmax"]), "MatMul3", "v2"],
  ["a convolution of one position", chain(stem, pool, pointwise(5), ["Reshape"], ["Softmax"]), "Conv2", "v1"],
  ["averaged logits of ImageNet", chain(stem, pointwise(1000), ["Relu"], pool, ["Flatten"]), "Conv1", "v0"],
  ["features only", chain(stem, pointwise(64), ["Clip"], pool, ["Flatten"]), undefined, "v4"],
  ["a feature map", chain(stem, ["Relu"]), undefined, "v1"],
])("the head of a network: %s", (_what, graph, node, features) => {
  expect(findHead(graph)).toEqual({ node, features });
});

test("as many averaged outputs as the file has labels are logits", () => {
  const graph = chain(stem, pointwise(3), ["Relu"], pool);
  expect(findHead(graph, ["a", "b", "c"]).node).toBe("Conv1");
});

test("a named head is a node or a value; another name lists the last layers", () => {
  const graph = chain(stem, ["Relu"], pool, ["Flatten"], ["Gemm", [5, 16], { transB: 1 }]);
  expect(namedHead(graph, "Flatten3")).toEqual({ node: "Flatten3", features: "v2" });
  expect(namedHead(graph, "v3")).toEqual({ node: "Flatten3", features: "v2" });
  expect(() => namedHead(graph, "fc")).toThrow("no node 'fc'");
  const cut = cutAt(graph, "v2");
  expect(cut.nodes.map(({ name }) => name)).toEqual(["Conv0", "Relu1", "GlobalAveragePool2"]);
  expect([...cut.initializers.keys()]).toEqual(["w0"]);
});
