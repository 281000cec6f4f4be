import type { GraphBuilder } from "../graph/builder.ts";
import { isDynamic } from "../graph/dims.ts";
import type { Converter, ConverterTable, OpCall } from "./call.ts";
import { symmetricPads } from "./convolution.ts";

const maxPool: Converter = (call, graph) => {
  const spatial = call.tensor("self").shape.length - 2;
  const kernel = call.ints("kernel_size", spatial);
  const pooled = graph.node("MaxPool", [call.tensor("self").name], {
    kernel_shape: kernel,
    strides: call.ints("stride", spatial, kernel),
    pads: symmetricPads(call.ints("padding", spatial, new Array<number>(spatial).fill(0))),
    dilations: call.ints("dilation", spatial, new Array<number>(spatial).fill(1)),
    ceil_mode: Number(call.boolean("ceil_mode")),
  });
  // the second result, the indices, is only for the backward pass
  return call.results.map((_, i) => (i === 0 ? pooled : ""));
};

const averagePool: Converter = (call, graph) => {
  const spatial = call.tensor("self").shape.length - 2;
  const kernel = call.ints("kernel_size", spatial);
  if (call.has("divisor_override")) throw call.unsupported("ONNX knows no divisor_override");
  return graph.node("AveragePool", [call.tensor("self").name], {
    kernel_shape: kernel,
    strides: call.ints("stride", spatial, kernel),
    pads: symmetricPads(call.ints("padding", spatial, new Array<number>(spatial).fill(0))),
    ceil_mode: Number(call.boolean("ceil_mode")),
    count_include_pad: Number(call.boolean("count_include_pad", true)),
  });
};

function adaptive(global: "GlobalAveragePool" | "GlobalMaxPool", local: "AveragePool" | "MaxPool"): Converter {
  return (call, graph) => {
    const spatial = call.tensor("self").shape.length - 2;
    const output = call.ints("output_size", spatial);
    const pooled = output.every((size) => size === 1)
      ? graph.node(global, [call.tensor("self").name])
      : evenBins(call, graph, output, local);
    return call.results.map((_, i) => (i === 0 ? pooled : ""));
  };
}

/** Adaptive pooling is plain pooling where the output divides the input; elsewhere the bins differ in size. */
function evenBins(call: OpCall, graph: GraphBuilder, output: readonly number[], opType: string): string {
  const { name, shape } = call.tensor("self");
  const kernel = shape.slice(2).map((size, i) => {
    const bins = output[i] ?? 1;
    if (isDynamic(size) || size % bins !== 0) {
      throw call.unsupported(`an input of ${String(size)} does not divide into ${bins} equal parts`);
    }
    return size / bins;
  });
  return graph.node(opType, [name], { kernel_shape: kernel, strides: kernel });
}

export const poolingOps: ConverterTable = {
  max_pool2d: maxPool,
  max_pool2d_with_indices: maxPool,
  avg_pool2d: averagePool,
  adaptive_avg_pool1d: adaptive("GlobalAveragePool", "AveragePool"),
  adaptive_avg_pool2d: adaptive("GlobalAveragePool", "AveragePool"),
  _adaptive_avg_pool2d: adaptive("GlobalAveragePool", "AveragePool"),
  adaptive_max_pool2d: adaptive("GlobalMaxPool", "MaxPool"),
};
