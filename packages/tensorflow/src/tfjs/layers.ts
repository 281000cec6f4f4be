import type { GraphBuilder, Value } from "../graph/builder.ts";
import type { Dim } from "../graph/dims.ts";
import type { Padding } from "../graph/padding.ts";
import { conv2d, convTranspose2d, type Pair, pool2d } from "../ops/convolution.ts";
import { activation, binary, clip, prelu, softmax, unary } from "../ops/elementwise.ts";
import { batchNorm, fullyConnected } from "../ops/linear.ts";
import { reduce } from "../ops/reduction.ts";
import { resize } from "../ops/resize.ts";
import { concat, pad, reshapeTo, transpose } from "../ops/shape.ts";
import { slice } from "../ops/slice.ts";
import { depthwiseWeight } from "./graph-operators.ts";
import type { JsonObject } from "./json.ts";

/** One call of a Keras layer. */
export interface LayerCall {
  readonly b: GraphBuilder;
  readonly config: JsonObject;
  readonly inputs: readonly Value[];
  /** The first input. */
  readonly x: Value;
  /** A variable of the layer, like `kernel`. */
  weight(name: string): Value;
}

type Layer = (call: LayerCall) => Value;

const nothing: Layer = ({ x }) => x;

/** Keras' layers that can be read, as they are in inference. */
export const layers: Readonly<Record<string, Layer>> = {
  Dropout: nothing,
  SpatialDropout2D: nothing,
  AlphaDropout: nothing,
  GaussianDropout: nothing,
  GaussianNoise: nothing,
  ActivityRegularization: nothing,

  Conv2D: (c) => {
    const kernel = c.b.permute(c.weight("kernel"), [3, 2, 0, 1]);
    return activated(c, conv2d(c.b, c.x, kernel, biasOf(c), windowOf(c)));
  },
  DepthwiseConv2D: (c) => {
    const kernel = depthwiseWeight(c.b, c.weight("depthwise_kernel"));
    return activated(c, conv2d(c.b, c.x, kernel, biasOf(c), windowOf(c)));
  },
  SeparableConv2D: (c) => {
    const each = conv2d(c.b, c.x, depthwiseWeight(c.b, c.weight("depthwise_kernel")), undefined, windowOf(c));
    const kernel = c.b.permute(c.weight("pointwise_kernel"), [3, 2, 0, 1]);
    return activated(c, conv2d(c.b, each, kernel, biasOf(c), { strides: [1, 1], dilations: [1, 1], padding: "VALID" }));
  },
  Conv2DTranspose: (c) => {
    const window = windowOf(c);
    const kernel = c.weight("kernel");
    // Keras: the output is the input times the strides, plus what "valid" windows reach beyond.
    const size = window.strides.map((stride, axis): Dim => {
      const dim = c.x.shape[axis + 1];
      const reach = window.padding === "SAME" ? 0 : Math.max((kernel.shape[axis] as number) - stride, 0);
      return typeof dim === "number" ? dim * stride + reach : "unknown";
    });
    const weight = c.b.permute(kernel, [3, 2, 0, 1]);
    return activated(c, convTranspose2d(c.b, c.x, weight, biasOf(c), { ...window, size }));
  },
  Dense: (c) => activated(c, fullyConnected(c.b, c.x, c.b.permute(c.weight("kernel"), [1, 0]), biasOf(c))),

  BatchNormalization: (c) => {
    lastAxis(c, "axis");
    const [mean, variance] = [c.weight("moving_mean"), c.weight("moving_variance")];
    const channels = mean.shape as number[];
    const all = (name: string, value: number) => c.b.floats(name, new Array<number>(channels[0] ?? 0).fill(value));
    const scale = c.config.boolean("scale", true) ? c.weight("gamma") : all("gamma", 1);
    const offset = c.config.boolean("center", true) ? c.weight("beta") : all("beta", 0);
    return batchNorm(c.b, c.x, { scale, offset, mean, variance }, c.config.number("epsilon", 1e-3));
  },
  LayerNormalization: (c) => {
    lastAxis(c, "axis");
    const x = c.b.plain(c.x);
    const scale = c.config.boolean("scale", true) ? c.weight("gamma") : undefined;
    const offset = c.config.boolean("center", true) ? c.weight("beta") : undefined;
    const ones = c.b.floats("gamma", new Array<number>(x.shape.at(-1) as number).fill(1));
    const epsilon = c.config.number("epsilon", 1e-3);
    return c.b.node("LayerNormalization", [x, scale ?? ones, offset], { axis: -1, epsilon }, x);
  },

  Activation: (c) => activation(c.b, c.config.text("activation"), c.x),
  ReLU: (c) => {
    if (c.config.number("threshold", 0) !== 0) throw c.b.error("a threshold is not supported");
    const slope = c.config.number("negative_slope", 0);
    const high = c.config.has("max_value") ? c.config.number("max_value") : undefined;
    if (slope !== 0) {
      const leaky = unary(c.b, "LeakyRelu", c.x, { alpha: slope });
      return high === undefined ? leaky : clip(c.b, leaky, undefined, high);
    }
    return high === undefined ? activation(c.b, "relu", c.x) : clip(c.b, c.x, 0, high);
  },
  LeakyReLU: (c) => unary(c.b, "LeakyRelu", c.x, { alpha: c.config.number("alpha", 0.3) }),
  PReLU: (c) => prelu(c.b, c.x, c.weight("alpha")),
  ELU: (c) => unary(c.b, "Elu", c.x, { alpha: c.config.number("alpha", 1) }),
  Softmax: (c) => {
    lastAxis(c, "axis");
    return softmax(c.b, c.x);
  },
  Rescaling: (c) => {
    const scaled = binary(c.b, "Mul", c.x, c.b.scalar("scale", c.config.number("scale")));
    const offset = c.config.number("offset", 0);
    return offset === 0 ? scaled : binary(c.b, "Add", scaled, c.b.scalar("offset", offset));
  },

  MaxPooling2D: (c) => pool2d(c.b, "MaxPool", c.x, poolingOf(c)),
  AveragePooling2D: (c) => pool2d(c.b, "AveragePool", c.x, poolingOf(c)),
  GlobalAveragePooling2D: (c) => reduce(c.b, "ReduceMean", c.x, [1, 2], c.config.boolean("keepdims")),
  GlobalMaxPooling2D: (c) => reduce(c.b, "ReduceMax", c.x, [1, 2], c.config.boolean("keepdims")),

  ZeroPadding2D: (c) => pad(c.b, c.x, [[0, 0], ...sidesOf(c, "padding"), [0, 0]]),
  Cropping2D: (c) => {
    const ranges = sidesOf(c, "cropping").map(([before, after], axis) => {
      const size = c.x.shape[axis + 1];
      if (typeof size !== "number") throw c.b.error("crops images of unknown size");
      return { start: before, end: size - after, step: 1 };
    });
    return slice(c.b, c.x, [undefined, ...ranges]);
  },
  UpSampling2D: (c) => {
    const [height, width] = pairOf(c, "size", [2, 2]);
    const [from, along] = [c.x.shape[1], c.x.shape[2]];
    if (typeof from !== "number" || typeof along !== "number") throw c.b.error("resizes images of unknown size");
    const mode = c.config.text("interpolation", "nearest") === "nearest" ? "nearest" : "linear";
    return resize(c.b, mode, c.x, [from * height, along * width], { alignCorners: false, halfPixelCenters: false });
  },
  Flatten: (c) => reshapeTo(c.b, c.x, [c.x.shape[0] as Dim, -1]),
  Reshape: (c) => reshapeTo(c.b, c.x, [c.x.shape[0] as Dim, ...c.config.numbers("target_shape")]),
  Permute: (c) => transpose(c.b, c.x, [0, ...c.config.numbers("dims")]),

  Add: (c) => combined(c, "Add"),
  Subtract: (c) => combined(c, "Sub"),
  Multiply: (c) => combined(c, "Mul"),
  Maximum: (c) => combined(c, "Max"),
  Minimum: (c) => combined(c, "Min"),
  Average: (c) => binary(c.b, "Mul", combined(c, "Add"), c.b.scalar("share", 1 / c.inputs.length)),
  Concatenate: (c) => concat(c.b, c.inputs, c.config.number("axis", -1)),
};

function combined(c: LayerCall, op: string): Value {
  return c.inputs.slice(1).reduce((left, right) => binary(c.b, op, left, right), c.x);
}

function activated(c: LayerCall, value: Value): Value {
  return activation(c.b, c.config.text("activation", "linear"), value);
}

function biasOf(c: LayerCall): Value | undefined {
  return c.config.boolean("use_bias", true) ? c.weight("bias") : undefined;
}

function windowOf(c: LayerCall): { strides: Pair; dilations: Pair; padding: Padding } {
  if (c.config.text("data_format", "channels_last") !== "channels_last") {
    throw c.b.error("expected data_format channels_last, received channels_first");
  }
  const padding = c.config.text("padding", "valid").toUpperCase();
  if (padding !== "SAME" && padding !== "VALID") throw c.b.error(`unsupported padding '${padding}'`);
  return { strides: pairOf(c, "strides", [1, 1]), dilations: pairOf(c, "dilation_rate", [1, 1]), padding };
}

function poolingOf(c: LayerCall) {
  const kernel = pairOf(c, "pool_size", [2, 2]);
  return { ...windowOf(c), kernel, strides: pairOf(c, "strides", kernel) };
}

/** One number for both, or two. */
function pairOf(c: LayerCall, key: string, missing: Pair): Pair {
  if (!c.config.has(key)) return missing;
  if (!Array.isArray(c.config.raw(key))) return [c.config.number(key), c.config.number(key)];
  const [height = missing[0], width = height] = c.config.numbers(key);
  return [height, width];
}

/** One number for all sides, two for vertical and horizontal, or `[[top, bottom], [left, right]]`. */
function sidesOf(c: LayerCall, key: string): Pair[] {
  const value = c.config.raw(key);
  const list = Array.isArray(value) ? (value as unknown[]) : [value, value];
  return list.slice(0, 2).map((side): Pair => {
    const [before, after] = Array.isArray(side) ? (side as unknown[]) : [side, side];
    if (Number.isInteger(before) && Number.isInteger(after)) return [before as number, after as number];
    throw c.b.error(`${key}: expected integers, received ${JSON.stringify(value)}`);
  });
}

function lastAxis(c: LayerCall, key: string): void {
  const value = c.config.raw(key) ?? -1;
  const axis = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (axis === -1 || axis === c.x.shape.length - 1) return;
  throw c.b.error(`${key}: expected the last axis, received ${JSON.stringify(value)}`);
}
