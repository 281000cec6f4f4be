import { CtError } from "@classifier-training/base";
import type { GraphNode, OnnxGraph } from "@classifier-training/onnx";

/** The layer of a graph that a new head replaces, and what it is given. */
export interface Head {
  /** The name of the node; undefined where the graph ends with features. */
  readonly node: string | undefined;
  /** The value that becomes the new head's input. */
  readonly features: string;
}

/** What may come after the last layer: none of them has weights. */
const afterHead = new Set([
  ...["Softmax", "LogSoftmax", "Sigmoid", "HardSigmoid", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"],
  ...["Identity", "Cast", "Dropout", "QuantizeLinear", "DequantizeLinear", "Clip", "Relu", "GlobalAveragePool"],
  ...["ReduceMean", "AveragePool", "Add", "Sub", "Mul", "Div", "LpNormalization", "Slice"],
]);

/** Of a layer that gives features, these make what is classified: only probabilities say that it gives logits. */
const ofFeatures = new Set(["Clip", "Relu", "GlobalAveragePool", "ReduceMean", "AveragePool", "LpNormalization"]);

/** Numbers of classes that only classifiers have: those of ImageNet, without and with background, and of ImageNet-21k. */
const knownClassCounts = [1000, 1001, 21_841, 21_843];

/**
 * The classifier's last layer: a Gemm, a MatMul with weights or a convolution over a single position, on the way back from
 * the output, behind softmax, reshapes and the like. A network of features has none: all of it stays.
 * @param labels the file's classes, where they are known
 */
export function findHead(graph: OnnxGraph, labels?: readonly string[]): Head {
  const output = graph.outputs[0]?.name ?? "";
  const makers = producers(graph);
  let isClassifier = false;
  let behindFeatures = false;
  for (let value = output; ; ) {
    const node = makers.get(value);
    if (node === undefined) break;
    const width = outputWidth(graph, node);
    if (width !== undefined) {
      const isKnown = knownClassCounts.includes(width) || width === labels?.length;
      if (behindFeatures && !isClassifier && !isKnown) break;
      return { node: node.name, features: dataInput(graph, node) };
    }
    if (!afterHead.has(node.op)) break;
    isClassifier ||= /Softmax|Sigmoid/.test(node.op);
    behindFeatures ||= ofFeatures.has(node.op);
    const others = node.inputs.filter((name) => name !== "" && !isConstant(graph, makers, name));
    if (others.length !== 1) break;
    value = others[0] as string;
  }
  return { node: undefined, features: output };
}

/**
 * The head that `model.head` names: a node, or a value that a node makes.
 * @throws CtError for a name that is not in the graph, listing the candidates
 */
export function namedHead(graph: OnnxGraph, name: string): Head {
  const node =
    graph.nodes.find((one) => one.name === name) ?? graph.nodes.find(({ outputs }) => outputs.includes(name));
  if (node !== undefined) return { node: node.name, features: dataInput(graph, node) };
  throw new CtError({
    code: "classifier/model-head",
    what: `model.head: the file has no node '${name}'`,
    where: "model.head",
    fix: `choose one of the last layers: ${lastLayers(graph).join(", ")}; or leave it out`,
  });
}

/** Layers with weights that may be a head, the last ones, in the order of the data. */
export function lastLayers(graph: OnnxGraph, count = 5): string[] {
  return graph.nodes
    .filter((node) => outputWidth(graph, node) !== undefined)
    .slice(-count)
    .map(({ name }) => name);
}

/** The graph up to a value, with it as the only output. */
export function cutAt(graph: OnnxGraph, value: string): OnnxGraph {
  const makers = producers(graph);
  const needed = new Set<string>();
  const open = [value];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === "" || needed.has(name)) continue;
    needed.add(name);
    open.push(...(makers.get(name)?.inputs ?? []));
  }
  return {
    ...graph,
    nodes: graph.nodes.filter(({ outputs }) => outputs.some((name) => needed.has(name))),
    initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))),
    outputs: [{ name: value, dtype: "float32", shape: [] }],
  };
}

/** The width of what a layer with weights gives each position: undefined for any other node. */
export function outputWidth(graph: OnnxGraph, { op, inputs, attributes }: GraphNode): number | undefined {
  const shape = graph.initializers.get(inputs[1] ?? "")?.shape;
  if (shape === undefined) return undefined;
  if (op === "MatMul") return shape.length === 2 ? shape[1] : undefined;
  if (op === "Gemm") return attributes["transB"] === 1 ? shape[0] : shape[1];
  const isPointwise = shape.length === 4 && shape[2] === 1 && shape[3] === 1;
  return op === "Conv" && isPointwise && (attributes["group"] ?? 1) === 1 ? shape[0] : undefined;
}

/** The values that nodes make, with the nodes. */
export function producers(graph: OnnxGraph): Map<string, GraphNode> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
}

function isConstant(graph: OnnxGraph, makers: ReadonlyMap<string, GraphNode>, name: string): boolean {
  return graph.initializers.has(name) || makers.get(name)?.op === "Constant";
}

/** The input that is not weights. */
function dataInput(graph: OnnxGraph, { inputs }: GraphNode): string {
  return inputs.find((name) => name !== "" && !graph.initializers.has(name)) ?? inputs[0] ?? "";
}
