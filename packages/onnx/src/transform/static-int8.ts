import { makeNode } from "../proto/build.ts";
import type { NodeProto } from "../proto/onnx.generated.ts";
import { type CalibrationBatches, calibrate, type Range } from "./calibrate.ts";
import { foldInto } from "./fold-batch-norm.ts";
import { quantizeWeight } from "./int8-weights.ts";
import { bytesOf, ModelEditor, numberAttribute } from "./model-editor.ts";

export interface StaticInt8Options {
  /**
   * Weights in 7 bits, default false. On x86 processors without VNNI instructions (before about 2019) the kernels add
   * pairs of products in 16 bits, which 8-bit weights can overflow.
   */
  readonly reduceRange?: boolean | undefined;
}

/** Operators with a weight, and operators that ONNX Runtime runs on bytes when all around them is bytes. */
const weighted = new Set(["Conv", "Gemm", "MatMul"]);
const passing = new Set([
  "Add",
  "Mul",
  "MaxPool",
  "AveragePool",
  "GlobalAveragePool",
  "Concat",
  "Reshape",
  "Transpose",
]);
/** Activations that ONNX Runtime merges into the quantized operator before them. */
const merged = new Set(["Relu", "Clip"]);

/**
 * Quantizes a model to int8 with ranges measured on calibration data: weights per output channel, activations per tensor
 * (uint8). The result is in QDQ form: pairs of QuantizeLinear and DequantizeLinear around each operator, which ONNX
 * Runtime turns into integer kernels.
 * @param batches A few hundred typical images, prepared as for inference.
 */
export async function quantizeStaticInt8(
  bytes: Uint8Array,
  batches: CalibrationBatches,
  { reduceRange = false }: StaticInt8Options = {},
): Promise<Uint8Array> {
  const editor = new ModelEditor(bytes);
  foldInto(editor);
  const folded = editor.bytes();
  const quantized = new ModelEditor(folded);
  const activations = activationsOf(quantized);
  const ranges = await calibrate(folded, [...activations], batches);
  const pairs = new Map<string, Pair>();
  for (const [name, range] of ranges) pairs.set(name, makePair(quantized, name, range));

  const head = quantized.graph.input.flatMap(({ name }) => [...(pairs.get(name)?.nodes ?? [])]);
  const outputs = new Set(quantized.graph.output.map(({ name }) => name));
  quantized.replaceNodes((node) => {
    const extra = weighted.has(node.opType) ? quantizeWeights(quantized, node, pairs, reduceRange) : [];
    if (weighted.has(node.opType) || passing.has(node.opType)) {
      node.input = node.input.map((name) => pairs.get(name)?.output ?? name);
    }
    // the logits themselves stay as exact as they are
    const after = node.output.flatMap((name) => (outputs.has(name) ? [] : [...(pairs.get(name)?.nodes ?? [])]));
    return [...extra, node, ...after];
  });
  quantized.graph.node = [...head, ...quantized.graph.node];
  return quantized.bytes();
}

interface Pair {
  readonly nodes: readonly NodeProto[];
  readonly output: string;
  readonly scale: number;
}

/** The tensors to quantize: what weighted operators read and write, and what lies between them. */
function activationsOf(editor: ModelEditor): Set<string> {
  const graphOutputs = new Set(editor.graph.output.map(({ name }) => name));
  const consumers = new Map<string, NodeProto[]>();
  for (const node of editor.nodes)
    for (const name of node.input) consumers.set(name, [...(consumers.get(name) ?? []), node]);
  const isActivation = (name: string) =>
    name !== "" && editor.initializer(name) === undefined && !graphOutputs.has(name);
  const found = new Set<string>();
  for (const node of editor.nodes) {
    const hasWeight = weighted.has(node.opType) && editor.floats(node.input[1]) !== undefined;
    if (hasWeight && isActivation(node.input[0] ?? "")) found.add(node.input[0] ?? "");
    if (!hasWeight && !(node.opType === "Add" && node.input.every(isActivation))) continue;
    // the value behind a merged activation is what the integer kernel writes
    let [output = ""] = node.output;
    const [next, ...others] = consumers.get(output) ?? [];
    if (next !== undefined && others.length === 0 && merged.has(next.opType)) output = next.output[0] ?? output;
    if (isActivation(output)) found.add(output);
    if (node.opType === "Add") for (const name of node.input) found.add(name);
  }
  // pooling and reshaping keep the range: bytes in, bytes out
  for (const node of editor.nodes) {
    if (passing.has(node.opType) && node.opType !== "Add" && node.opType !== "Mul" && found.has(node.input[0] ?? "")) {
      for (const name of node.output) if (isActivation(name)) found.add(name);
    }
  }
  return found;
}

function makePair(editor: ModelEditor, name: string, { min, max }: Range): Pair {
  // zero has to be a representable value: padding is made of it
  const low = Math.min(0, min);
  const high = Math.max(0, max, low + 1e-6);
  const scale = (high - low) / 255;
  const zero = Math.max(0, Math.min(255, Math.round(-low / scale)));
  const scaleName = editor.addInitializer(`${name}.scale`, "float32", [], bytesOf(Float32Array.of(scale)));
  const zeroName = editor.addInitializer(`${name}.zero`, "uint8", [], Uint8Array.of(zero));
  const quantize = editor.node("QuantizeLinear", [name, scaleName, zeroName], `${name}.quantized`);
  const restore = editor.node("DequantizeLinear", [quantize.output[0] ?? "", scaleName, zeroName], `${name}.restored`);
  return { nodes: [quantize, restore], output: restore.output[0] ?? "", scale };
}

/** Puts an int8 weight, and an int32 bias in the scale of the product, in the place of the float ones. */
function quantizeWeights(
  editor: ModelEditor,
  node: NodeProto,
  pairs: ReadonlyMap<string, Pair>,
  reduceRange: boolean,
): NodeProto[] {
  const [source = "", weightName = "", biasName = ""] = node.input;
  const weight = editor.floats(weightName);
  const pair = pairs.get(source);
  if (weight === undefined || pair === undefined) return [];
  const dims = editor.dims(weightName);
  const isColumn = node.opType === "MatMul" || (node.opType === "Gemm" && numberAttribute(node, "transB", 0) === 0);
  const axis = isColumn ? dims.length - 1 : 0;
  const { data, scales } = quantizeWeight(weight, dims, axis, reduceRange);
  const nodes: NodeProto[] = [];
  const restore = (name: string, scale: string, zero: string) => {
    const restored = editor.uniqueName(`${name}.restored`);
    nodes.push(
      makeNode("DequantizeLinear", [name, scale, zero], [restored], { axis }, editor.uniqueName(`${name}/Restore`)),
    );
    return restored;
  };
  const channels = scales.length;
  const stored = editor.addInitializer(`${weightName}.int8`, "int8", dims, bytesOf(data));
  const scale = editor.addInitializer(`${weightName}.scale`, "float32", [channels], bytesOf(scales));
  const zero = editor.addInitializer(`${weightName}.zero`, "int8", [channels], new Uint8Array(channels));
  const inputs = [source, restore(stored, scale, zero)];
  const bias = editor.floats(biasName);
  if (bias !== undefined) {
    const biasScales = scales.map((value) => value * pair.scale);
    const rounded = Int32Array.from(bias, (value, c) => Math.round(value / (biasScales[c] as number)));
    const storedBias = editor.addInitializer(`${biasName}.int32`, "int32", [channels], bytesOf(rounded));
    const biasScale = editor.addInitializer(`${biasName}.scale`, "float32", [channels], bytesOf(biasScales));
    const biasZero = editor.addInitializer(`${biasName}.zero`, "int32", [channels], new Uint8Array(4 * channels));
    const name = editor.uniqueName(`${storedBias}.restored`);
    nodes.push(makeNode("DequantizeLinear", [storedBias, biasScale, biasZero], [name], { axis: 0 }, `${name}/Restore`));
    inputs.push(name);
  } else if (biasName !== "") {
    inputs.push(biasName);
  }
  node.input = inputs;
  return nodes;
}
