import { nn, type Tensor } from "@classifier-training/torch";
import { asTensor, HostValue, type Value } from "../values.ts";
import { aten, type NodeSetup, type Operator, type OperatorTable, unary } from "./setup.ts";

const withAlpha =
  (compute: (x: Tensor, alpha: number) => Tensor, otherwise: number): Operator =>
  (setup) => {
    const alpha = setup.number("alpha", otherwise);
    return (x) => compute(asTensor(x as Value), alpha);
  };

/** Limits are attributes before opset 11, inputs since; both may be left out. */
const clip: Operator = (setup) => {
  if (setup.opset < 11) {
    const [low, high] = [setup.number("min", -3.4028234663852886e38), setup.number("max", 3.4028234663852886e38)];
    return (x) => aten("clamp", asTensor(x as Value), low, high);
  }
  const limit = (value: Value | undefined) =>
    value === undefined ? null : value instanceof HostValue ? (value.numbers[0] ?? null) : value.item();
  return (x, low, high) => {
    if (low === undefined && high === undefined) return x as Value;
    return aten("clamp", asTensor(x as Value), limit(low), limit(high));
  };
};

/** Before opset 13 all axes from the given one on were one. */
function softmax(compute: (x: Tensor, dim: number) => Tensor): Operator {
  return (setup) => {
    const axis = setup.number("axis", setup.opset < 13 ? 1 : -1);
    if (setup.opset >= 13) return (x) => compute(asTensor(x as Value), axis);
    return (value) => {
      const x = asTensor(value as Value);
      const first = axis < 0 ? axis + x.ndim : axis;
      if (first >= x.ndim - 1) return compute(x, -1);
      return compute(x.flatten(first), -1).reshape([...x.shape]);
    };
  };
}

const prelu: Operator = (setup) => {
  const isWeight = setup.weight(1) !== undefined;
  const slope = isWeight ? setup.place.register(setup.node, setup.node.inputs[1] as string) : undefined;
  return (x, given) => {
    const [input, factor] = [asTensor(x as Value), slope ?? asTensor(given as Value)];
    return input.clamp(0).add(input.clamp(null as never, 0).mul(factor));
  };
};

const hardSigmoid: Operator = (setup) => {
  const [alpha, beta] = [setup.number("alpha", 0.2), setup.number("beta", 0.5)];
  // LibTorch's own is of 1/6 and 1/2.
  if (Math.abs(alpha - 1 / 6) < 1e-6 && beta === 0.5) return (x) => aten("hardsigmoid", asTensor(x as Value));
  return (x) =>
    asTensor(x as Value)
      .mul(alpha)
      .add(beta)
      .clamp(0, 1);
};

const gelu: Operator = (setup) => {
  const approximate = setup.text("approximate", "none") === "tanh" ? "tanh" : "none";
  return (x) => nn.functional.gelu(asTensor(x as Value), { approximate });
};

const selu: Operator = (setup) => {
  const [alpha, gamma] = [setup.number("alpha", 1.6732632423543772), setup.number("gamma", 1.0507009873554805)];
  return (x) => nn.functional.elu(asTensor(x as Value), { alpha }).mul(gamma);
};

const shrink: Operator = (setup) => {
  const [bias, lambd] = [setup.number("bias", 0), setup.number("lambd", 0.5)];
  return (value) => {
    const x = asTensor(value as Value);
    const below = x.lt(-lambd).to({ dtype: x.dtype });
    const above = x.gt(lambd).to({ dtype: x.dtype });
    return below.mul(x.add(bias)).add(above.mul(x.sub(bias)));
  };
};

const thresholded: Operator = (setup) => {
  const alpha = setup.number("alpha", 1);
  return (x) => aten("threshold", asTensor(x as Value), alpha, 0);
};

/** In training nothing is dropped here: that is the trainer's choice. */
export const passThrough: Operator = () => (x) => x as Value;

const dropout: Operator = (setup: NodeSetup) => {
  if (setup.node.outputs.length > 1 && setup.node.outputs[1] !== "")
    throw setup.unsupported("its mask is not computed");
  return (x) => x as Value;
};

const call = (name: string) => unary((x) => aten(name, x));

export const activationOperators: OperatorTable = {
  Relu: call("relu"),
  LeakyRelu: withAlpha((x, negativeSlope) => nn.functional.leakyRelu(x, { negativeSlope }), 0.01),
  Elu: withAlpha((x, alpha) => nn.functional.elu(x, { alpha }), 1),
  Celu: withAlpha((x, alpha) => aten("celu", x, alpha), 1),
  ThresholdedRelu: thresholded,
  PRelu: prelu,
  Selu: selu,
  Clip: clip,
  Sigmoid: call("sigmoid"),
  HardSigmoid: hardSigmoid,
  HardSwish: call("hardswish"),
  Tanh: call("tanh"),
  Softplus: unary((x) => nn.functional.softplus(x)),
  Softsign: unary((x) => nn.functional.softsign(x)),
  Mish: call("mish"),
  Gelu: gelu,
  Shrink: shrink,
  Softmax: softmax((x, dim) => nn.functional.softmax(x, dim)),
  LogSoftmax: softmax((x, dim) => nn.functional.logSoftmax(x, dim)),
  Dropout: dropout,
  Identity: passThrough,
};
