import type { GraphBuilder, Value } from "../graph/builder.ts";
import { type Dim, isDynamic } from "../graph/dims.ts";
import type { Converter, ConverterTable, OpCall } from "./call.ts";
import { symmetricPads } from "./convolution.ts";

/** How many axes a window has, by the operator's name: `max_pool2d`. */
function spatialAxes(call: OpCall): number {
  return Number(/(\d)d/.exec(call.op)?.[1] ?? 2);
}

/** ONNX pools a batch of channels; PyTorch also takes a sample without a batch. */
function batched(call: OpCall, graph: GraphBuilder, pool: (input: Value) => string): string {
  const self = call.tensor("self");
  if (self.shape.length === spatialAxes(call) + 2) return pool(self);
  const name = graph.node("Unsqueeze", [self.name, graph.ints([0])]);
  return graph.node("Squeeze", [pool({ ...self, name, shape: [1, ...self.shape] }), graph.ints([0])]);
}

interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly padding: readonly number[];
  readonly dilations: readonly number[];
}

function windowsOf(call: OpCall): Windows {
  const spatial = spatialAxes(call);
  const kernel = call.ints("kernel_size", spatial);
  const each = (name: string, otherwise: number) =>
    call.ints(name, spatial, new Array<number>(spatial).fill(otherwise));
  return {
    kernel,
    strides: call.ints("stride", spatial, kernel),
    padding: each("padding", 0),
    dilations: each("dilation", 1),
  };
}

/**
 * The padding at the end of each axis with which rounding down gives PyTorch's `ceil_mode` sizes: ONNX's own rule counts
 * other windows at the edge. Undefined for dynamic sizes.
 */
function endPads(call: OpCall, input: Value, { kernel, strides, padding, dilations }: Windows): number[] | undefined {
  const output = call.result.shape.slice(-kernel.length);
  const sizes = input.shape.slice(2);
  if ([...sizes, ...output].some(isDynamic)) return undefined;
  return kernel.map((size, i) => {
    const covered = (Number(output[i]) - 1) * (strides[i] ?? 1) + (size - 1) * (dilations[i] ?? 1) + 1;
    return Math.max(0, covered - Number(sizes[i]) - (padding[i] ?? 0));
  });
}

const maxPool: Converter = (call, graph) => {
  const pooled = batched(call, graph, (input) => {
    const windows = windowsOf(call);
    const ends = call.boolean("ceil_mode") ? endPads(call, input, windows) : windows.padding;
    return graph.node("MaxPool", [input.name], {
      kernel_shape: windows.kernel,
      strides: windows.strides,
      pads: [...windows.padding, ...(ends ?? windows.padding)],
      dilations: windows.dilations,
      ceil_mode: Number(ends === undefined),
    });
  });
  return call.onlyFirst(pooled);
};

const averagePool: Converter = (call, graph) =>
  batched(call, graph, (input) => {
    const windows = windowsOf(call);
    const { kernel, strides, padding } = windows;
    const divisor = call.has("divisor_override") ? call.number("divisor_override") : undefined;
    const countsPadding = call.boolean("count_include_pad", true) || divisor !== undefined;
    const ends = call.boolean("ceil_mode") ? endPads(call, input, windows) : undefined;
    if (call.boolean("ceil_mode") && ends === undefined) throw call.unsupported("ceil_mode over a dynamic axis");
    let { name } = input;
    let pads = symmetricPads(padding);
    let counted = Number(countsPadding);
    if (ends !== undefined && countsPadding) {
      // zeros that count become part of the input; what a window reaches beyond them does not count
      const amounts = [0, 0, ...padding, 0, 0, ...padding];
      if (padding.some((amount) => amount > 0)) {
        name = graph.node("Pad", [name, graph.ints(amounts), graph.scalar(0, input.dtype)]);
      }
      const beyond = ends.map((end, i) => Math.max(0, end - (padding[i] ?? 0)));
      pads = [...padding.map(() => 0), ...beyond];
      counted = divisor === undefined ? 0 : 1;
    } else if (ends !== undefined) {
      pads = [...padding, ...ends];
    }
    const mean = graph.node("AveragePool", [name], {
      kernel_shape: kernel,
      strides,
      pads,
      count_include_pad: counted,
    });
    if (divisor === undefined) return mean;
    const cells = kernel.reduce((total, size) => total * size, 1);
    return graph.node("Mul", [mean, graph.scalar(cells / divisor, input.dtype)]);
  });

function adaptive(kind: "Average" | "Max"): Converter {
  return (call, graph) => {
    const pooled = batched(call, graph, (input) => {
      const output = call.ints("output_size", spatialAxes(call));
      if (output.every((size) => size === 1)) return graph.node(`Global${kind}Pool`, [input.name]);
      const sizes = input.shape.slice(2);
      const divides = output.every((bins, i) => !isDynamic(sizes[i] ?? 1) && Number(sizes[i]) % bins === 0);
      return divides
        ? evenBins(graph, input, output, kind)
        : output.reduce(
            (name, bins, i) => unevenBins(call, graph, { name, size: sizes[i] ?? 1, axis: i + 2 }, bins, kind),
            input.name,
          );
    });
    return call.onlyFirst(pooled);
  };
}

/** Adaptive pooling is plain pooling where the output divides the input. */
function evenBins(graph: GraphBuilder, { name, shape }: Value, output: readonly number[], kind: "Average" | "Max") {
  const kernel = shape.slice(2).map((size, i) => Number(size) / (output[i] ?? 1));
  return graph.node(`${kind}Pool`, [name], { kernel_shape: kernel, strides: kernel });
}

/** Elsewhere bin i goes from floor(i n / bins) up to ceil((i + 1) n / bins); bins are boxes, so axis after axis will do. */
function unevenBins(
  call: OpCall,
  graph: GraphBuilder,
  { name, size, axis }: { name: string; size: Dim; axis: number },
  bins: number,
  kind: "Average" | "Max",
): string {
  if (isDynamic(size)) throw call.unsupported(`${bins} parts of a dynamic axis have no converter`);
  if (size === bins) return name;
  const parts = Array.from({ length: bins }, (_, i) => {
    const range = [Math.floor((i * size) / bins), Math.ceil(((i + 1) * size) / bins)];
    const [start, end] = range.map((at) => graph.ints([at]));
    const part = graph.node("Slice", [name, start, end, graph.ints([axis])]);
    return graph.node(kind === "Max" ? "ReduceMax" : "ReduceMean", [part], { axes: [axis], keepdims: 1 });
  });
  return graph.node("Concat", parts, { axis });
}

export const poolingOps: ConverterTable = {
  max_pool1d: maxPool,
  max_pool2d: maxPool,
  max_pool3d: maxPool,
  max_pool2d_with_indices: maxPool,
  avg_pool1d: averagePool,
  avg_pool2d: averagePool,
  avg_pool3d: averagePool,
  adaptive_avg_pool1d: adaptive("Average"),
  adaptive_avg_pool2d: adaptive("Average"),
  _adaptive_avg_pool2d: adaptive("Average"),
  adaptive_avg_pool3d: adaptive("Average"),
  adaptive_max_pool1d: adaptive("Max"),
  adaptive_max_pool2d: adaptive("Max"),
  adaptive_max_pool3d: adaptive("Max"),
};
