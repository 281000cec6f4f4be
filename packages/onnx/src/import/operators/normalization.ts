import { nn, type Tensor } from "@classifier-training/torch";
import { asTensor, type Value } from "../values.ts";
import { aten, type NodeSetup, type Operator, type OperatorTable } from "./setup.ts";

/** [N, C, H, W] is a `BatchNorm2d`'s, features are a `BatchNorm1d`'s: which of them a file has shows when it runs. */
class GraphBatchNorm extends nn.BatchNorm2d {
  protected override checkInput(input: Tensor): void {
    if (input.ndim !== 2 && input.ndim !== 3) super.checkInput(input);
  }
}

const batchNorm: Operator = (setup) => {
  const parts = [1, 2, 3, 4].map((i) => setup.weight(i, 1));
  const [scale] = parts;
  if (scale === undefined || parts.includes(undefined)) throw setup.unsupported("its statistics are not constants");
  if (setup.number("training_mode", 0) === 1) throw setup.unsupported("training_mode");
  const eps = setup.number("epsilon", 1e-5);
  const layer = setup.layer(1, () => {
    const norm = new GraphBatchNorm(scale.shape[0] ?? 0, { eps });
    norm.weight = setup.parameter(1);
    norm.bias = setup.parameter(2);
    setup.place.fill(norm.running_mean as Tensor, setup.node.inputs[3] as string);
    setup.place.fill(norm.running_var as Tensor, setup.node.inputs[4] as string);
    return norm;
  });
  return (x) => layer.call(asTensor(x as Value));
};

const layerNorm: Operator = (setup) => {
  const scale = setup.weight(1);
  const eps = setup.number("epsilon", 1e-5);
  const axis = setup.number("axis", -1);
  if (setup.node.outputs.length > 1) throw setup.unsupported("its statistics are not computed");
  if (scale === undefined || scale.shape.length === 0) {
    const { layerNorm: run } = nn.functional;
    return (value, weight, bias) => {
      const x = asTensor(value as Value);
      const dims = x.shape.slice(axis < 0 ? axis + x.ndim : axis);
      const normalized = run(x, dims, { eps }).mul(asTensor(weight as Value));
      return bias === undefined ? normalized : normalized.add(asTensor(bias));
    };
  }
  const layer = setup.layer(1, () => {
    const norm = new nn.LayerNorm([...scale.shape], { eps });
    norm.weight = setup.parameter(1);
    if (setup.weight(2) !== undefined) norm.bias = setup.parameter(2);
    return norm;
  });
  return (x) => layer.call(asTensor(x as Value));
};

/** Each channel of each image by itself: a group norm with a group for each channel. */
const instanceNorm: Operator = (setup) => groups(setup, setup.constant(1)?.shape[0] ?? 0);

function groups(setup: NodeSetup, count: number) {
  const [scale, bias] = [setup.weight(1, 1), setup.weight(2, 1)];
  const eps = setup.number("epsilon", 1e-5);
  if (scale === undefined || bias === undefined) throw setup.unsupported("its weights are not constants");
  const channels = scale.shape[0] ?? 0;
  const layer = setup.layer(1, () => {
    const norm = new nn.GroupNorm(count, channels, { eps });
    norm.weight = setup.parameter(1);
    norm.bias = setup.parameter(2);
    return norm;
  });
  return (x: Value | undefined) => layer.call(asTensor(x as Value));
}

const groupNorm: Operator = (setup) => {
  // Until opset 21 the weights were of the groups.
  if (setup.constant(1)?.shape[0] === setup.number("num_groups", 0) && setup.opset < 21)
    throw setup.unsupported("weights of groups");
  return groups(setup, setup.number("num_groups", 1));
};

/** Krizhevsky et al. 2012: by the squares of neighboring channels. */
const localResponse: Operator = (setup) => {
  const [alpha, beta, bias] = [setup.number("alpha", 1e-4), setup.number("beta", 0.75), setup.number("bias", 1)];
  const size = setup.number("size", 1);
  const before = Math.floor((size - 1) / 2);
  return (value) => {
    const x = asTensor(value as Value);
    const squares = nn.functional.pad(x.mul(x).unsqueeze(1), [0, 0, 0, 0, before, size - 1 - before]);
    const mean = aten("avg_pool3d", squares, [size, 1, 1], [1, 1, 1]).squeeze(1);
    return x.div(mean.mul(alpha).add(bias).pow(beta));
  };
};

const lpNormalization: Operator = (setup) => {
  const [axis, p] = [setup.number("axis", -1), setup.number("p", 2)];
  return (value) => {
    const x = asTensor(value as Value);
    return x.div(aten("norm", x, p, [axis], true).clamp(1e-12));
  };
};

const meanVariance: Operator = (setup) => {
  const axes = setup.numbers("axes") ?? [0, 2, 3];
  return (value) => {
    const x = asTensor(value as Value);
    const centered = x.sub(aten("mean", x, [...axes], true));
    const variance = aten("mean", centered.mul(centered), [...axes], true);
    return centered.div(variance.add(1e-9).sqrt());
  };
};

export const normalizationOperators: OperatorTable = {
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  InstanceNormalization: instanceNorm,
  GroupNormalization: groupNorm,
  LRN: localResponse,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVariance,
};
