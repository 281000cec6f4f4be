import { CtError } from "@classifier-training/base";
import type { GraphNode, GraphPort, GraphTensor, OnnxGraph } from "@classifier-training/onnx";
import type { ImagePreprocessing } from "./preprocessing.ts";

/** The input that takes images. */
export interface ImageInput {
  readonly name: string;
  readonly layout: "NCHW" | "NHWC";
  /** Pixels; undefined where any size is taken. */
  readonly height: number | undefined;
  readonly width: number | undefined;
}

/** @throws CtError for a graph that does not take one batch of color images */
export function imageInputOf({ inputs }: OnnxGraph, where: string): ImageInput {
  const [input, ...others] = inputs;
  const shape = input?.shape ?? [];
  if (input === undefined || others.length > 0 || shape.length !== 4) throw notOfImages(inputs, where);
  const [, second, third, last] = shape;
  const size = (side: number | string | undefined) => (typeof side === "number" && side > 0 ? side : undefined);
  const isFirst = size(second) === 3 || (size(second) === undefined && size(last) !== 3);
  if (isFirst) return { name: input.name, layout: "NCHW", height: size(third), width: size(last) };
  if (size(last) === 3) return { name: input.name, layout: "NHWC", height: size(second), width: size(third) };
  throw notOfImages(inputs, where);
}

function notOfImages(inputs: readonly GraphPort[], where: string): CtError {
  const text = inputs.map(({ name, shape }) => `'${name}' [${shape.join(", ")}]`).join(" and ");
  return new CtError({
    code: "classifier/model-input",
    what: `expected a network with one input of color images, [N, 3, H, W] or [N, H, W, 3], received ${text || "none"}`,
    where,
    fix: "give the part of the model that sees the image, such as an image encoder",
  });
}

/**
 * The graph with an input [N, 3, H, W] of float32 in RGB order, whatever the file's is: its first convolution takes the
 * channels in the other order, and a transposition before it is left out or added.
 */
export function withRgbInput(
  graph: OnnxGraph,
  input: ImageInput,
  { colorOrder }: Pick<ImagePreprocessing, "colorOrder">,
): OnnxGraph {
  const planar = input.layout === "NHWC" ? withPlanarInput(graph, input.name) : graph;
  const renamed = planar.inputs.map((port) => ({
    ...port,
    dtype: "float32" as const,
    shape: ["N", 3, input.height ?? "H", input.width ?? "W"],
  }));
  const float = { ...planar, inputs: renamed };
  return colorOrder === "BGR" ? withSwappedColors(float, input.name) : float;
}

/** Nodes that begin with the image transposed take it as it comes; for others it is transposed. */
function withPlanarInput(graph: OnnxGraph, name: string): OnnxGraph {
  const readers = readersOf(graph, name);
  const isTransposed = ({ op, attributes }: GraphNode) =>
    op === "Transpose" && String(attributes["perm"]) === "0,3,1,2";
  if (readers.length > 0 && readers.every(isTransposed)) {
    const outputs = new Map(readers.map(({ outputs: [output = ""] }) => [output, name]));
    const others = graph.nodes.filter((node) => !readers.includes(node));
    return { ...graph, nodes: others.map((node) => withInputs(node, (input) => outputs.get(input) ?? input)) };
  }
  return insertFirst(graph, name, { op: "Transpose", attributes: { perm: [0, 2, 3, 1] }, more: [] });
}

/** Where convolutions alone read the image, their weights are permuted, which costs nothing. */
function withSwappedColors(graph: OnnxGraph, name: string): OnnxGraph {
  const readers = readersOf(graph, name);
  const weights = readers.map(({ inputs }) => inputs[1] ?? "");
  const isConvolution = ({ op, attributes, inputs }: GraphNode) =>
    op === "Conv" && (attributes["group"] ?? 1) === 1 && inputs[0] === name && graph.initializers.has(inputs[1] ?? "");
  if (readers.length > 0 && readers.every(isConvolution)) {
    const initializers = new Map(graph.initializers);
    for (const weight of new Set(weights))
      initializers.set(weight, swapped(graph.initializers.get(weight) as GraphTensor));
    return { ...graph, initializers };
  }
  const order = Buffer.from(BigInt64Array.of(2n, 1n, 0n).buffer);
  const indices: GraphTensor = { dtype: "int64", shape: [3], data: order };
  return insertFirst(graph, name, { op: "Gather", attributes: { axis: 1 }, more: [[`${name}/bgr`, indices]] });
}

/** Weights [O, 3, KH, KW] with their input channels reversed. */
function swapped({ dtype, shape, data }: GraphTensor): GraphTensor {
  const [filters = 0, channels = 0] = shape;
  const plane = data.byteLength / (filters * channels);
  const reversed = new Uint8Array(data.byteLength);
  for (let filter = 0; filter < filters; filter++) {
    for (let channel = 0; channel < channels; channel++) {
      const [from, to] = [filter * channels + channel, filter * channels + (channels - 1 - channel)];
      reversed.set(data.subarray(from * plane, (from + 1) * plane), to * plane);
    }
  }
  return { dtype, shape, data: reversed };
}

interface Inserted {
  readonly op: string;
  readonly attributes: GraphNode["attributes"];
  readonly more: readonly (readonly [name: string, value: GraphTensor])[];
}

/** A node between an input and all that reads it. */
function insertFirst(graph: OnnxGraph, name: string, { op, attributes, more }: Inserted): OnnxGraph {
  const output = `${name}/${op}`;
  const inputs = [name, ...more.map(([constant]) => constant)];
  const node: GraphNode = { op, name: output, inputs, outputs: [output], attributes };
  return {
    ...graph,
    nodes: [node, ...graph.nodes.map((one) => withInputs(one, (input) => (input === name ? output : input)))],
    initializers: new Map([...graph.initializers, ...more]),
  };
}

function readersOf(graph: OnnxGraph, name: string): readonly GraphNode[] {
  return graph.nodes.filter(({ inputs }) => inputs.includes(name));
}

function withInputs(node: GraphNode, rename: (name: string) => string): GraphNode {
  return { ...node, inputs: node.inputs.map(rename) };
}

/**
 * What a graph does to its pixels before it sees them: a network that divides by 255 itself takes 0..255, and one that
 * begins with another affine map of small factors takes 0..1.
 * @returns undefined where it takes them normalized
 */
export function ownNormalization(graph: OnnxGraph, { name }: ImageInput): "raw" | "unit" | undefined {
  let value = name;
  for (;;) {
    const [reader, ...others] = readersOf(graph, value);
    if (reader === undefined || others.length > 0) return undefined;
    const constants = reader.inputs.flatMap((input) => floatsOf(graph.initializers.get(input)));
    if (["Transpose", "Cast", "Identity"].includes(reader.op)) {
      value = reader.outputs[0] ?? "";
      continue;
    }
    if (!["Add", "Sub", "Mul", "Div"].includes(reader.op) || constants.length === 0) return undefined;
    const largest = Math.max(...constants.map(Math.abs));
    const ofBytes = { Div: largest > 20, Mul: largest < 0.05, Sub: largest > 20, Add: largest > 20 }[
      reader.op as "Div"
    ];
    return ofBytes ? "raw" : "unit";
  }
}

/** Of a constant for each channel, or for all of them. */
function floatsOf(tensor: GraphTensor | undefined): number[] {
  if (tensor?.dtype !== "float32" || tensor.data.byteLength > 16) return [];
  const { buffer } = Uint8Array.from(tensor.data);
  return [...new Float32Array(buffer)];
}
