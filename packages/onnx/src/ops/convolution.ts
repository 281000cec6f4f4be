import { isDynamic } from "../graph/dims.ts";
import type { Converter, ConverterTable, OpCall } from "./call.ts";

/** Both ends of each axis padded alike, in ONNX's order: all the starts, then all the ends. */
export function symmetricPads(padding: readonly number[]): number[] {
  return [...padding, ...padding];
}

const convolution: Converter = (call, graph) => {
  const input = call.tensor("input");
  const weight = call.tensor("weight");
  const spatial = weight.shape.length - 2;
  const padding = call.raw("padding");
  const kernel = weight.shape.slice(2);
  if (kernel.some(isDynamic)) throw call.unsupported("its weight has a dynamic shape");
  const stride = call.ints("stride", spatial, new Array<number>(spatial).fill(1));
  const dilation = call.ints("dilation", spatial, new Array<number>(spatial).fill(1));
  if (call.op.includes("transpose") || call.boolean("transposed"))
    return transposed(call, stride, dilation, spatial, graph);
  const pads = padding === "same" ? samePads(kernel as number[], dilation) : symmetricPads(paddingOf(call, spatial));
  return graph.node("Conv", [input.name, weight.name, call.optionalTensor("bias")?.name], {
    kernel_shape: kernel as number[],
    strides: stride,
    dilations: dilation,
    pads,
    group: call.number("groups", 1),
  });
};

function transposed(
  call: OpCall,
  strides: number[],
  dilations: number[],
  spatial: number,
  graph: Parameters<Converter>[1],
): string {
  const inputs = [call.tensor("input").name, call.tensor("weight").name, call.optionalTensor("bias")?.name];
  return graph.node("ConvTranspose", inputs, {
    strides,
    dilations,
    pads: symmetricPads(paddingOf(call, spatial)),
    output_padding: call.ints("output_padding", spatial, new Array<number>(spatial).fill(0)),
    group: call.number("groups", 1),
  });
}

function paddingOf(call: OpCall, spatial: number): number[] {
  if (call.raw("padding") === "valid") return new Array<number>(spatial).fill(0);
  return call.ints("padding", spatial, new Array<number>(spatial).fill(0));
}

/** PyTorch's "same": what cannot be split evenly goes to the end. */
function samePads(kernel: readonly number[], dilation: readonly number[]): number[] {
  const totals = kernel.map((size, i) => (size - 1) * (dilation[i] ?? 1));
  return [...totals.map((total) => Math.floor(total / 2)), ...totals.map((total) => total - Math.floor(total / 2))];
}

export const convolutionOps: ConverterTable = {
  conv1d: convolution,
  conv2d: convolution,
  conv3d: convolution,
  conv_transpose1d: convolution,
  conv_transpose2d: convolution,
  conv_transpose3d: convolution,
  convolution,
  _convolution: convolution,
};
