import type { GraphBuilder, Value } from "../graph/builder.ts";
import { isDynamic } from "../graph/dims.ts";
import { float } from "../proto/build.ts";
import type { Converter, ConverterTable, OpCall } from "./call.ts";

const batchNorm: Converter = (call, graph) => {
  if (call.boolean("training")) throw call.unsupported("it computes batch statistics; call model.eval() first");
  const input = call.tensor("input");
  const mean = call.tensor("running_mean");
  const variance = call.tensor("running_var");
  const channels = mean.shape;
  const filled = (value: Value | undefined, fill: number) =>
    value?.name ??
    graph.constant(new Array<number>(sizeOf(call, channels)).fill(fill), mean.dtype, [sizeOf(call, channels)]);
  const normalized = graph.node(
    "BatchNormalization",
    [
      input.name,
      filled(call.optionalTensor("weight"), 1),
      filled(call.optionalTensor("bias"), 0),
      mean.name,
      variance.name,
    ],
    { epsilon: float(call.number("eps", 1e-5)) },
  );
  return call.onlyFirst(normalized);
};

function sizeOf(call: OpCall, shape: Value["shape"]): number {
  const [size = 0] = shape;
  if (isDynamic(size)) throw call.unsupported("the number of channels is dynamic");
  return size;
}

const layerNorm: Converter = (call, graph) => {
  const input = call.tensor("input");
  const normalizedShape = call.ints("normalized_shape");
  const ones = () => graph.constant(new Array<number>(product(normalizedShape)).fill(1), input.dtype, normalizedShape);
  const normalized = graph.node(
    "LayerNormalization",
    [input.name, call.optionalTensor("weight")?.name ?? ones(), call.optionalTensor("bias")?.name],
    { axis: -normalizedShape.length, epsilon: float(call.number("eps", 1e-5)) },
  );
  return call.onlyFirst(normalized);
};

/** Group norm: each group becomes one channel of an instance norm, then scale and shift per channel. */
const groupNorm: Converter = (call, graph) => {
  const input = call.tensor("input");
  const groups = call.number("num_groups");
  const scale = graph.constant(new Array<number>(groups).fill(1), input.dtype, [groups]);
  const shift = graph.constant(new Array<number>(groups).fill(0), input.dtype, [groups]);
  const grouped = graph.node("Reshape", [input.name, graph.ints([0, groups, -1])]);
  const normalized = graph.node("InstanceNormalization", [grouped, scale, shift], {
    epsilon: float(call.number("eps", 1e-5)),
  });
  let out = graph.node("Reshape", [normalized, graph.reshapeTarget(input.shape)]);
  const perChannel = [1, -1, ...new Array<number>(input.shape.length - 2).fill(1)];
  const spread = (value: Value) => affineShape(graph, value, perChannel);
  const weight = call.optionalTensor("weight");
  const bias = call.optionalTensor("bias");
  if (weight !== undefined) out = graph.node("Mul", [out, spread(weight)]);
  if (bias !== undefined) out = graph.node("Add", [out, spread(bias)]);
  return call.onlyFirst(out);
};

/** Each sample and channel by its own statistics; by the running ones where it keeps them. */
const instanceNorm: Converter = (call, graph) => {
  if (!call.boolean("use_input_stats")) return batchNorm(call, graph);
  const input = call.tensor("input");
  const channels = call.fixedSize(input, 1);
  const affine = (key: "weight" | "bias", fill: number) =>
    call.optionalTensor(key)?.name ?? graph.constant(new Array<number>(channels).fill(fill), input.dtype, [channels]);
  return graph.node("InstanceNormalization", [input.name, affine("weight", 1), affine("bias", 0)], {
    epsilon: float(call.number("eps", 1e-5)),
  });
};

function affineShape(graph: GraphBuilder, value: Value, shape: readonly number[]): string {
  return graph.node("Reshape", [value.name, graph.ints(shape)]);
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}

export const normalizationOps: ConverterTable = {
  batch_norm: batchNorm,
  native_batch_norm: batchNorm,
  _native_batch_norm_legit_no_training: batchNorm,
  layer_norm: layerNorm,
  native_layer_norm: layerNorm,
  group_norm: groupNorm,
  instance_norm: instanceNorm,
};
