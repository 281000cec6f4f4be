import { makeNode } from "../proto/build.ts";
import type { NodeProto } from "../proto/onnx.generated.ts";
import { tensorTypes } from "../proto/types.ts";
import { foldInto } from "./fold-batch-norm.ts";
import { quantizeWeight } from "./int8-weights.ts";
import { bytesOf, ModelEditor, numberAttribute } from "./model-editor.ts";

export interface DynamicInt8Options {
  /** Which operators to quantize; default all three. Convolutions are smaller then, but seldom faster. */
  readonly operators?: readonly ("Conv" | "Gemm" | "MatMul")[] | undefined;
  /**
   * Weights in 7 bits, default false. On x86 processors without VNNI instructions (before about 2019) the kernels add
   * pairs of products in 16 bits, which 8-bit weights can overflow.
   */
  readonly reduceRange?: boolean | undefined;
}

/**
 * Quantizes weights to int8 and lets activations be quantized as they come, tensor by tensor: no calibration data is
 * needed, the file shrinks to about a quarter. For convolutional networks `quantizeStaticInt8` is faster at run time.
 */
export function quantizeDynamicInt8(bytes: Uint8Array, options: DynamicInt8Options = {}): Uint8Array {
  const { operators = ["Conv", "Gemm", "MatMul"], reduceRange = false } = options;
  const editor = new ModelEditor(bytes);
  foldInto(editor);
  const wanted = new Set<string>(operators);
  /** Quantized activations by the value that they come from: several convolutions may read one. */
  const activations = new Map<string, readonly [quantized: string, scale: string, zero: string]>();
  editor.replaceNodes((node) => {
    const weightName = node.input[1] ?? "";
    const weight = editor.floats(weightName);
    const dims = editor.dims(weightName);
    if (!wanted.has(node.opType) || weight === undefined || dims.length < 2) return [node];
    if (node.opType === "Gemm" && !isPlainGemm(node)) return [node];
    const added: NodeProto[] = [];
    const source = node.input[0] ?? "";
    let activation = activations.get(source);
    if (activation === undefined) {
      const names = ["quantized", "scale", "zero"].map((part) => editor.uniqueName(`${source}.${part}`));
      activation = [names[0] ?? "", names[1] ?? "", names[2] ?? ""];
      activations.set(source, activation);
      added.push(makeNode("DynamicQuantizeLinear", [source], activation, {}, editor.uniqueName(`${source}/Quantize`)));
    }
    return [...added, ...integerNodes(editor, node, { weight, dims, reduceRange }, activation)];
  });
  return editor.bytes();
}

/** x W^T + b, which is what linear layers are exported as. */
function isPlainGemm(node: NodeProto): boolean {
  const number = (name: string, otherwise: number) => numberAttribute(node, name, otherwise);
  return number("transA", 0) === 0 && number("alpha", 1) === 1 && number("beta", 1) === 1;
}

interface Weight {
  readonly weight: Float32Array;
  readonly dims: readonly number[];
  readonly reduceRange: boolean;
}

function integerNodes(
  editor: ModelEditor,
  node: NodeProto,
  { weight, dims, reduceRange }: Weight,
  [quantized, activationScale, zero]: readonly [string, string, string],
): NodeProto[] {
  const isConv = node.opType === "Conv";
  const transposed = node.opType === "Gemm" && numberAttribute(node, "transB", 0) === 1;
  const stored = transposed ? transposeMatrix(weight, dims) : { values: weight, dims: [...dims] };
  const axis = isConv ? 0 : stored.dims.length - 1;
  const { data, scales } = quantizeWeight(stored.values, stored.dims, axis, reduceRange);
  const base = node.input[1] ?? "weight";
  const weightName = editor.addInitializer(`${base}.int8`, "int8", stored.dims, bytesOf(data));
  const scaleDims = isConv ? [1, scales.length, ...dims.slice(2).map(() => 1)] : [scales.length];
  const scaleName = editor.addInitializer(`${base}.scale`, "float32", scaleDims, bytesOf(scales));

  const output = node.output[0] ?? "";
  const product = editor.node(
    isConv ? "ConvInteger" : "MatMulInteger",
    [quantized, weightName, zero],
    `${output}.int32`,
  );
  if (isConv) product.attribute = node.attribute;
  const float = editor.node("Cast", product.output, `${output}.float`, { to: tensorTypes.float32 });
  const scale = editor.node("Mul", [activationScale, scaleName], `${output}.scale`);
  const scaled = editor.node("Mul", [float.output[0] ?? "", scale.output[0] ?? ""], `${output}.scaled`);
  const nodes = [product, float, scale, scaled];
  const bias = node.input[2];
  if (bias === undefined || bias === "") {
    scaled.output = [output];
    return nodes;
  }
  const added = editor.node("Add", [scaled.output[0] ?? "", biasFor(editor, bias, scaleDims)], `${output}.sum`);
  added.output = [output];
  return [...nodes, added];
}

/** A bias in the shape in which it adds to [N, C, H, W]. */
function biasFor(editor: ModelEditor, name: string, dims: readonly number[]): string {
  const values = editor.floats(name);
  if (dims.length === 1 || values === undefined) return name;
  return editor.addInitializer(`${name}.spread`, "float32", dims, bytesOf(values));
}

function transposeMatrix(values: Float32Array, dims: readonly number[]): { values: Float32Array; dims: number[] } {
  const [rows = 0, columns = 0] = dims;
  const result = new Float32Array(values.length);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) result[c * rows + r] = values[r * columns + c] as number;
  }
  return { values: result, dims: [columns, rows] };
}
