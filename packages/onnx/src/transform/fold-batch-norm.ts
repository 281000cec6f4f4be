import type { NodeProto } from "../proto/onnx.generated.ts";
import { bytesOf, ModelEditor, numberAttribute } from "./model-editor.ts";

/**
 * Multiplies batch normalizations into the convolutions before them: w' = w s, b' = (b - mean) s + beta, with
 * s = gamma / sqrt(var + eps) per output channel. The model computes the same, with fewer nodes.
 */
export function foldBatchNorm(bytes: Uint8Array): Uint8Array {
  const editor = new ModelEditor(bytes);
  foldInto(editor);
  return editor.bytes();
}

/** The same on a model that is being rewritten. */
export function foldInto(editor: ModelEditor): void {
  const uses = editor.uses();
  const producers = new Map(editor.nodes.flatMap((node) => node.output.map((name) => [name, node] as const)));
  const removed = new Set<NodeProto>();
  for (const norm of editor.nodes) {
    if (norm.opType !== "BatchNormalization") continue;
    const conv = producers.get(norm.input[0] ?? "");
    if (conv?.opType !== "Conv" || uses.get(norm.input[0] ?? "") !== 1) continue;
    if (fold(editor, conv, norm)) removed.add(norm);
  }
  editor.replaceNodes((node) => (removed.has(node) ? [] : [node]));
}

function fold(editor: ModelEditor, conv: NodeProto, norm: NodeProto): boolean {
  const [, weightName = "", biasName] = conv.input;
  const weight = editor.floats(weightName);
  const [gamma, beta, mean, variance] = norm.input.slice(1, 5).map((name) => editor.floats(name));
  const bias = biasName === undefined || biasName === "" ? undefined : editor.floats(biasName);
  if (!weight || !gamma || !beta || !mean || !variance || (biasName && !bias)) return false;
  const eps = numberAttribute(norm, "epsilon", 1e-5);
  const channels = gamma.length;
  const perChannel = weight.length / channels;
  const newBias = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    const scale = at(gamma, c) / Math.sqrt(at(variance, c) + eps);
    newBias[c] = ((bias?.[c] ?? 0) - at(mean, c)) * scale + at(beta, c);
    for (let i = c * perChannel; i < (c + 1) * perChannel; i++) weight[i] = at(weight, i) * scale;
  }
  const dims = editor.dims(weightName);
  const name = weightName.replace(/\.weight$/, "");
  conv.input = [
    conv.input[0] ?? "",
    editor.addInitializer(`${name}.folded_weight`, "float32", dims, bytesOf(weight)),
    editor.addInitializer(`${name}.folded_bias`, "float32", [channels], bytesOf(newBias)),
  ];
  conv.output = [norm.output[0] ?? ""];
  return true;
}

function at(values: Float32Array, i: number): number {
  return values[i] as number;
}
