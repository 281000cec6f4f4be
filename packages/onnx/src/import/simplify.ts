import { noGrad, scope } from "@classifier-training/torch";
import { OnnxError } from "../errors.ts";
import { encode } from "../graph/data.ts";
import { tensorTypes } from "../proto/types.ts";
import type { GraphNode, GraphTensor, OnnxGraph } from "./graph.ts";
import { broadcastShape } from "./operators/elementwise.ts";
import { atNode, type NodePlace, NodeSetup } from "./operators/setup.ts";
import { findOperator } from "./operators/table.ts";
import { constantValue, elementCount, graphTensorOf, numbersOf, type Value } from "./values.ts";

export interface SimplifyOptions {
  /**
   * Of a quantized network: `float` (the default) leaves out the rounding of activations, for training; `quantized` keeps it, as
   * the file's own runtime computes.
   */
  readonly activations?: "float" | "quantized";
}

/** Layers with weights stay, whatever their input is, and what is random. */
const neverFolded: ReadonlySet<string> = new Set([
  ...["Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "LayerNormalization", "InstanceNormalization"],
  ...["GroupNormalization", "PRelu", "ConvInteger", "MatMulInteger"],
]);

const passing: ReadonlySet<string> = new Set(["Identity", "Dropout"]);

/**
 * The same network with less in it: constants computed, float numbers in float32, nothing that does nothing at inference, and
 * nothing that reaches no output. Quantized weights are dequantized.
 * @throws OnnxError for a constant that cannot be read, or that would be far larger than a network needs
 */
export function simplifyGraph(graph: OnnxGraph, { activations = "float" }: SimplifyOptions = {}): OnnxGraph {
  const wide = inFloat32(withoutConstantNodes(graph));
  const exact = activations === "float" ? withoutRounding(wide) : wide;
  return withoutUnused(folded(withoutPassing(exact)));
}

const halves: ReadonlySet<string> = new Set(["float16", "bfloat16", "float64"]);

/** Precision is the trainer's choice, not the file's. */
function inFloat32(graph: OnnxGraph): OnnxGraph {
  const widened = (tensor: GraphTensor): GraphTensor =>
    halves.has(tensor.dtype) ? { ...tensor, dtype: "float32", data: encode(numbersOf(tensor), "float32") } : tensor;
  const codes = [...halves].map((dtype) => tensorTypes[dtype as keyof typeof tensorTypes]) as number[];
  return {
    ...graph,
    inputs: graph.inputs.map((port) => (halves.has(port.dtype) ? { ...port, dtype: "float32" as const } : port)),
    outputs: graph.outputs.map((port) => (halves.has(port.dtype) ? { ...port, dtype: "float32" as const } : port)),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, widened(tensor)])),
    nodes: graph.nodes.map((node): GraphNode => {
      const { value, to } = node.attributes;
      if (node.op === "Cast" && codes.includes(Number(to)))
        return { ...node, attributes: { ...node.attributes, to: tensorTypes.float32 } };
      if (typeof value === "object" && "data" in value)
        return { ...node, attributes: { ...node.attributes, value: widened(value) } };
      return node;
    }),
  };
}

function withoutConstantNodes(graph: OnnxGraph): OnnxGraph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.filter((node) => {
    if (node.op !== "Constant") return true;
    initializers.set(node.outputs[0] ?? "", constantOf(node));
    return false;
  });
  return { ...graph, nodes, initializers };
}

function constantOf({ attributes, name }: GraphNode): GraphTensor {
  const { value, value_float, value_floats, value_int, value_ints } = attributes;
  if (typeof value === "object" && "data" in value) return value;
  const list = (numbers: readonly number[], dtype: "float32" | "int64", shape: readonly number[]): GraphTensor => ({
    dtype,
    shape,
    data: encode(numbers, dtype),
  });
  if (typeof value_float === "number") return list([value_float], "float32", []);
  if (typeof value_int === "number") return list([value_int], "int64", []);
  if (Array.isArray(value_floats)) return list(value_floats as number[], "float32", [value_floats.length]);
  if (Array.isArray(value_ints)) return list(value_ints as number[], "int64", [value_ints.length]);
  throw new OnnxError({
    code: "onnx/unsupported",
    what: "Constant: expected a tensor or numbers",
    where: `node '${name}'`,
  });
}

/** Values under another name, where what made them does nothing. */
function renamed(graph: OnnxGraph, names: ReadonlyMap<string, string>): OnnxGraph {
  const final = (name: string): string => {
    let now = name;
    for (let next = names.get(now); next !== undefined; next = names.get(now)) now = next;
    return now;
  };
  return { ...graph, nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(final) })) };
}

/** Without nodes whose first output is their first input; one that makes an output of the graph stays. */
function withoutPassing(graph: OnnxGraph, isPassing = (node: GraphNode) => passing.has(node.op)): OnnxGraph {
  const isOutput = new Set(graph.outputs.map(({ name }) => name));
  const names = new Map<string, string>();
  const nodes = graph.nodes.filter((node) => {
    const [output = ""] = node.outputs;
    if (!isPassing(node) || isOutput.has(output)) return true;
    names.set(output, node.inputs[0] ?? "");
    return false;
  });
  return renamed({ ...graph, nodes }, names);
}

/** Activations are neither quantized nor restored; integer products of them are products of floats. */
function withoutRounding(graph: OnnxGraph): OnnxGraph {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const isConstant = (name: string | undefined) => graph.initializers.has(name ?? "");
  const users = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) for (const name of node.inputs) users.set(name, [...(users.get(name) ?? []), node]);
  const isOutput = new Set(graph.outputs.map(({ name }) => name));
  // Only where everybody restores what was quantized: another operator may want the integers.
  const restores = (node: GraphNode) =>
    node.op === "QuantizeLinear" &&
    !isConstant(node.inputs[0]) &&
    !isOutput.has(node.outputs[0] ?? "") &&
    (users.get(node.outputs[0] ?? "") ?? []).every(({ op }) => op === "DequantizeLinear");
  const isPair = (node: GraphNode) => {
    if (restores(node)) return true;
    const maker = makers.get(node.inputs[0] ?? "");
    return node.op === "DequantizeLinear" && maker !== undefined && restores(maker);
  };
  return withoutPassing(withFloatProducts(graph), isPair);
}

/** `DynamicQuantizeLinear`, an integer product, `Cast` and factors, as the product of floats that they stand for. */
function withFloatProducts(graph: OnnxGraph): OnnxGraph {
  const isOutput = new Set(graph.outputs.map(({ name }) => name));
  const isPassed = ({ op, outputs }: GraphNode) =>
    op === "DynamicQuantizeLinear" && !outputs.some((name) => isOutput.has(name));
  const dynamic = graph.nodes.filter(isPassed);
  if (dynamic.length === 0) return graph;
  const initializers = new Map(graph.initializers);
  const passed = new Map<string, string>();
  for (const { inputs, outputs } of dynamic) {
    const [quantized = "", scale = "", zero = ""] = outputs;
    passed.set(quantized, inputs[0] ?? "");
    initializers.set(scale, { dtype: "float32", shape: [], data: encode([1], "float32") });
    initializers.set(zero, { dtype: "uint8", shape: [], data: Uint8Array.of(0) });
  }
  const users = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) for (const name of node.inputs) users.set(name, [...(users.get(name) ?? []), node]);
  const nodes = graph.nodes.flatMap((node): GraphNode[] => {
    if (isPassed(node)) return [];
    const isProduct = node.op === "MatMulInteger" || node.op === "ConvInteger";
    const weight = isProduct ? initializers.get(node.inputs[1] ?? "") : undefined;
    if (weight === undefined || !passed.has(node.inputs[0] ?? "")) return [node];
    const isConv = node.op === "ConvInteger";
    const zero = initializers.get(node.inputs[3] ?? "");
    const factors = factorsAfter(node, users, initializers);
    const name = `${node.name}/float`;
    initializers.set(name, dequantized(weight, zero, factors?.values, isConv ? 0 : weight.shape.length - 1));
    if (factors !== undefined) initializers.set(factors.name, ones(initializers.get(factors.name) as GraphTensor));
    return [{ ...node, op: isConv ? "Conv" : "MatMul", inputs: [node.inputs[0] ?? "", name] }];
  });
  return renamed({ ...graph, nodes, initializers }, passed);
}

/** The factors of the output channels behind an integer product, where they are its alone. */
function factorsAfter(
  node: GraphNode,
  users: ReadonlyMap<string, readonly GraphNode[]>,
  initializers: ReadonlyMap<string, GraphTensor>,
): { readonly name: string; readonly values: readonly number[] } | undefined {
  const only = (name: string | undefined) => {
    const all = users.get(name ?? "") ?? [];
    return all.length === 1 ? all[0] : undefined;
  };
  const cast = only(node.outputs[0]);
  const scaled = cast?.op === "Cast" ? only(cast.outputs[0]) : undefined;
  if (scaled?.op !== "Mul") return undefined;
  // The scale of the activation times that of the weight, which is made elsewhere.
  const product = scaled.inputs.find((name) => name !== cast?.outputs[0]) ?? "";
  for (const [name, all] of users) {
    const made = all.find(({ op, outputs }) => op === "Mul" && outputs[0] === product);
    const constant = initializers.get(name);
    if (made === undefined || constant?.dtype !== "float32" || constant.shape.length === 0 || all.length !== 1)
      continue;
    return { name, values: numbersOf(constant) };
  }
  return undefined;
}

function ones({ shape }: GraphTensor): GraphTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return { dtype: "float32", shape, data: encode(new Array<number>(count).fill(1), "float32") };
}

/** An integer weight as floats. @param factors of its channels @param axis of the channels */
function dequantized(
  weight: GraphTensor,
  zero: GraphTensor | undefined,
  factors: readonly number[] | undefined,
  axis: number,
): GraphTensor {
  const inner = weight.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const channels = weight.shape[axis] ?? 1;
  const offsets = zero === undefined ? [0] : numbersOf(zero);
  const values = numbersOf(weight).map((value, i) => {
    const channel = Math.floor(i / inner) % channels;
    const offset = offsets[offsets.length === 1 ? 0 : channel] ?? 0;
    return (value - offset) * (factors?.[factors.length === 1 ? 0 : channel] ?? 1);
  });
  return { dtype: "float32", shape: weight.shape, data: encode(values, "float32") };
}

/** Nodes that need nothing but constants become constants. */
function folded(graph: OnnxGraph): OnnxGraph {
  const initializers = new Map(graph.initializers);
  const values = new Map<string, Value>();
  const place: NodePlace = {
    opset: graph.opset,
    where: "the model",
    constant: (name) => initializers.get(name),
    layer: (node) => refused(node),
    parameter: (name) => refused({ op: "parameter", name }),
    fill: () => undefined,
    register: (node) => refused(node),
    isPreprocessing: () => true,
  };
  const isOutput = new Set(graph.outputs.map(({ name }) => name));
  // Weights may be dequantized and transposed; a few bytes of a file can ask for any number.
  let budget = 4 * [...initializers.values()].reduce((sum, { shape }) => sum + elementCount(shape), 2 ** 20);
  const nodes = graph.nodes.filter((node) => {
    const names = node.inputs.filter((name) => name !== "");
    const operator = findOperator(node.op);
    const isKnown = names.length > 0 && names.every((name) => initializers.has(name));
    if (
      !isKnown ||
      operator === undefined ||
      neverFolded.has(node.op) ||
      node.outputs.some((name) => isOutput.has(name)) ||
      mostMade(names.map((name) => (initializers.get(name) as GraphTensor).shape)) > budget
    )
      return true;
    const inputs = node.inputs.map((name) => (name === "" ? undefined : valueAt(name)));
    const made = scope(() =>
      noGrad(() => {
        const result = atNode(node, () => operator(new NodeSetup(node, place))(...inputs));
        return (Array.isArray(result) ? (result as readonly Value[]) : [result as Value]).map(graphTensorOf);
      }),
    );
    for (const { shape } of made) budget -= elementCount(shape);
    for (const [i, name] of node.outputs.entries())
      if (name !== "" && made[i] !== undefined) initializers.set(name, made[i]);
    return false;
  });
  return { ...graph, nodes, initializers };

  function valueAt(name: string): Value {
    const known = values.get(name);
    if (known !== undefined) return known;
    const value = constantValue(initializers.get(name) as GraphTensor);
    values.set(name, value);
    return value;
  }
}

/** As many elements as a node could make of constants. */
function mostMade(shapes: readonly (readonly number[])[]): number {
  const counts = shapes.map(elementCount);
  const joined = counts.reduce((sum, count) => sum + count, 0);
  return Math.max(joined, elementCount(shapes.reduce<readonly number[]>(broadcastShape, [])));
}

function refused({ op, name }: { readonly op: string; readonly name: string }): never {
  throw new OnnxError({ code: "onnx/unsupported", what: `${op} of constants alone`, where: `node '${name}'` });
}

function withoutUnused(graph: OnnxGraph): OnnxGraph {
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const nodes = [...graph.nodes]
    .reverse()
    .filter((node) => {
      if (!node.outputs.some((name) => needed.has(name))) return false;
      for (const name of node.inputs) needed.add(name);
      return true;
    })
    .reverse();
  return { ...graph, nodes, initializers: new Map([...graph.initializers].filter(([name]) => needed.has(name))) };
}
