import type { GraphNode, GraphTensor, OnnxGraph } from "./graph.ts";

/** Of the batch norms that are inserted. */
const epsilon = 1e-5;

/** Networks with these have normalizations of their own: a bias of a convolution is nothing folded. */
const normalizations = new Set([
  ...["BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization"],
  ...["SimplifiedLayerNormalization", "LpNormalization", "LRN", "Sqrt"],
]);

/** What reduces a map to one position: what squeeze-and-excitation computes of it was never normalized. */
const reductions = new Set(["GlobalAveragePool", "GlobalMaxPool", "ReduceMean", "ReduceMax"]);

/**
 * A batch norm behind each convolution that has a bias, as before exporters folded them (Jacob et al. 2018, section 3.2): of
 * mean 0, variance 1, with the bias, so that the function is the same. Whoever trains sets mean and variance to those of the
 * data. Convolutions of a single position, and those whose output is the graph's, stay as they are.
 * @returns the graph itself where nothing is folded
 */
export function unfoldBatchNorms(graph: OnnxGraph): OnnxGraph {
  if (graph.nodes.some(({ op }) => normalizations.has(op))) return graph;
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const squeezed = squeezedValues(graph);
  const names = new Set([...graph.nodes.flatMap((node) => [node.name, ...node.outputs]), ...graph.initializers.keys()]);
  const initializers = new Map(graph.initializers);
  const unused = new Set<string>();
  const nodes = graph.nodes.flatMap((node): GraphNode[] => {
    const [input = "", weight = "", bias = ""] = node.inputs;
    const [output = ""] = node.outputs;
    const shift = graph.initializers.get(bias);
    const isFolded =
      node.op === "Conv" &&
      shift?.dtype === "float32" &&
      graph.initializers.get(weight)?.shape.length === 4 &&
      !outputs.has(output) &&
      !squeezed.has(input);
    if (!isFolded) return [node];
    const norm = unique(`${node.name}_norm`, names);
    const channels = shift.shape[0] ?? 0;
    const parameters = {
      weight: filled(channels, Math.sqrt(1 + epsilon)),
      bias: shift,
      running_mean: filled(channels, 0),
      running_var: filled(channels, 1),
    };
    for (const [name, value] of Object.entries(parameters)) initializers.set(`${norm}.${name}`, value);
    unused.add(bias);
    const convolved = unique(`${norm}.input`, names);
    return [
      { ...node, inputs: [input, weight], outputs: [convolved] },
      {
        op: "BatchNormalization",
        name: norm,
        inputs: [convolved, ...Object.keys(parameters).map((name) => `${norm}.${name}`)],
        outputs: [output],
        attributes: { epsilon },
      },
    ];
  });
  if (nodes.length === graph.nodes.length) return graph;
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  for (const name of unused) if (!used.has(name)) initializers.delete(name);
  return { ...graph, nodes, initializers };
}

/** Values that are computed of single positions alone. */
function squeezedValues({ nodes, initializers }: OnnxGraph): Set<string> {
  const squeezed = new Set<string>();
  for (const { op, inputs, outputs } of nodes) {
    const given = inputs.filter((name) => name !== "" && !initializers.has(name));
    const isSqueezed = reductions.has(op) || (given.length > 0 && given.every((name) => squeezed.has(name)));
    if (isSqueezed) for (const name of outputs) squeezed.add(name);
  }
  return squeezed;
}

function unique(wanted: string, names: Set<string>): string {
  let name = wanted;
  for (let i = 2; names.has(name); i++) name = `${wanted}_${i}`;
  names.add(name);
  return name;
}

function filled(size: number, value: number): GraphTensor {
  return { dtype: "float32", shape: [size], data: new Uint8Array(new Float32Array(size).fill(value).buffer) };
}
