import type { GraphNode, GraphTensor, OnnxGraph } from "@classifier-training/onnx";

/**
 * A graph for batches of any size, where the file's is made for one image: reshapes to a single row keep the rows that they
 * are given (0 in ONNX's Reshape) in place of that 1.
 */
export function withFreeBatch(graph: OnnxGraph): OnnxGraph {
  const [input] = graph.inputs;
  if (input?.shape[0] !== 1) return graph;
  const constants = new Map(
    graph.nodes.flatMap(({ op, outputs, attributes }) =>
      op === "Constant" ? [[outputs[0] ?? "", attributes["value"]] as const] : [],
    ),
  );
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node): GraphNode => {
    const [data = "", target = ""] = node.inputs;
    const shape = graph.initializers.get(target) ?? (constants.get(target) as GraphTensor | undefined);
    if (node.op !== "Reshape" || shape?.dtype !== "int64" || node.attributes["allowzero"] === 1) return node;
    const sides = new BigInt64Array(Uint8Array.from(shape.data).buffer);
    // [-1, F] of one row says the same for many.
    if (sides[0] !== 1n || sides.length < 2) return node;
    const name = `${target}/batch`;
    initializers.set(name, { ...shape, data: new Uint8Array(BigInt64Array.of(0n, ...sides.slice(1)).buffer) });
    return { ...node, inputs: [data, name] };
  });
  const inputs = [{ ...input, shape: ["N", ...input.shape.slice(1)] }];
  return { ...graph, inputs, nodes, initializers };
}
