import { toFloat16Bits } from "../graph/float16.ts";
import { makeNode } from "../proto/build.ts";
import type { NodeProto, ValueInfoProto } from "../proto/onnx.generated.ts";
import { tensorTypes } from "../proto/types.ts";
import { foldInto } from "./fold-batch-norm.ts";
import { bytesOf, ModelEditor } from "./model-editor.ts";

export interface Float16Options {
  /** Inputs and outputs stay float32, with a cast inside (default true): callers need not change. */
  readonly keepIo?: boolean | undefined;
}

/** Largest number that half precision holds; larger weights are clamped to it. */
const maximum = 65504;

/**
 * Converts a model to half precision: weights and the tensors between operators become float16, which halves the file.
 * ONNX Runtime computes in float16 where the processor can, and casts where it cannot.
 */
export function convertFloat16(bytes: Uint8Array, { keepIo = true }: Float16Options = {}): Uint8Array {
  const editor = new ModelEditor(bytes);
  foldInto(editor);
  for (const tensor of editor.graph.initializer) halve(editor, tensor.name);
  for (const node of editor.nodes) {
    for (const input of node.input) halve(editor, input);
    if (node.opType !== "Cast") continue;
    const to = node.attribute.find(({ name }) => name === "to");
    if (to?.i === BigInt(tensorTypes.float32)) to.i = BigInt(tensorTypes.float16);
  }
  const nodes = keepIo ? castPorts(editor) : [];
  if (!keepIo) for (const port of [...editor.graph.input, ...editor.graph.output]) retype(port);
  editor.graph.valueInfo = [];
  if (keepIo) editor.graph.node = nodes;
  return editor.bytes();
}

function halve(editor: ModelEditor, name: string): void {
  const tensor = editor.initializer(name);
  const values = editor.floats(name);
  if (tensor === undefined || values === undefined) return;
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    bits[i] = toFloat16Bits(Number.isFinite(value) ? Math.max(-maximum, Math.min(maximum, value)) : value);
  }
  tensor.dataType = tensorTypes.float16;
  tensor.floatData = [];
  tensor.rawData = bytesOf(bits);
}

/** Casts float32 inputs down and outputs up, under their own names. */
function castPorts(editor: ModelEditor): NodeProto[] {
  const { graph } = editor;
  const inner = new Map<string, string>();
  for (const { name } of [...graph.input, ...graph.output].filter(isFloat32)) {
    inner.set(name, editor.uniqueName(`${name}.half`));
  }
  for (const node of graph.node) {
    node.input = node.input.map((name) => inner.get(name) ?? name);
    node.output = node.output.map((name) => inner.get(name) ?? name);
  }
  const cast = (from: string, to: string, dtype: "float16" | "float32") =>
    makeNode("Cast", [from], [to], { to: tensorTypes[dtype] }, editor.uniqueName(`${to}/Cast`));
  const down = graph.input.filter(isFloat32).map(({ name }) => cast(name, inner.get(name) ?? name, "float16"));
  const up = graph.output.filter(isFloat32).map(({ name }) => cast(inner.get(name) ?? name, name, "float32"));
  return [...down, ...graph.node, ...up];
}

function isFloat32({ type }: ValueInfoProto): boolean {
  return type?.value.case === "tensorType" && type.value.value.elemType === tensorTypes.float32;
}

function retype(port: ValueInfoProto): void {
  if (isFloat32(port) && port.type?.value.case === "tensorType") port.type.value.value.elemType = tensorTypes.float16;
}
