import { nn, type Tensor } from "@classifier-training/torch";
import { asTensor, type Value } from "../values.ts";
import { aten, type NodeSetup, type Operator, type OperatorTable } from "./setup.ts";

/** Pixels before and after each axis: all the starts, then all the ends. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Of an input's spatial sizes; those that the file fixes depend on none. */
  readonly pads: (sizes: readonly number[]) => readonly number[];
  /** Equal at both ends, and known ahead. */
  readonly symmetric: readonly number[] | undefined;
}

/** The window of a convolution or a pooling, with `auto_pad` by TensorFlow's rule. */
export function windowOf(setup: NodeSetup, kernel: readonly number[]): Window {
  const axes = kernel.length;
  const ones = new Array<number>(axes).fill(1);
  const strides = setup.numbers("strides") ?? ones;
  const dilations = setup.numbers("dilations") ?? ones;
  const auto = setup.text("auto_pad", "NOTSET");
  const given = auto === "VALID" ? undefined : setup.numbers("pads");
  const fixed = given ?? new Array<number>(2 * axes).fill(0);
  const isSame = auto === "SAME_UPPER" || auto === "SAME_LOWER";
  const pads = (sizes: readonly number[]) => {
    if (!isSame) return fixed;
    const totals = sizes.map((size, i) => {
      const [stride = 1, reach] = [strides[i], ((kernel[i] ?? 1) - 1) * (dilations[i] ?? 1) + 1];
      return Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
    });
    const less = totals.map((total) => Math.floor(total / 2));
    const more = totals.map((total) => Math.ceil(total / 2));
    return auto === "SAME_UPPER" ? [...less, ...more] : [...more, ...less];
  };
  const isSymmetric = !isSame && fixed.slice(0, axes).every((pad, i) => pad === fixed[axes + i] && pad >= 0);
  // With stride 1, an odd kernel's is the same for every size.
  const isFixedSame =
    isSame && strides.every((s) => s === 1) && kernel.every((k, i) => ((k - 1) * (dilations[i] ?? 1)) % 2 === 0);
  const halves = kernel.map((k, i) => ((k - 1) * (dilations[i] ?? 1)) / 2);
  return {
    kernel,
    strides,
    dilations,
    pads,
    symmetric: isSymmetric ? fixed.slice(0, axes) : isFixedSame ? halves : undefined,
  };
}

/** Pads the last axes by ONNX's list. @param value of the new elements */
export function padded(x: Tensor, pads: readonly number[], value = 0): Tensor {
  const axes = pads.length / 2;
  if (pads.every((pad) => pad === 0)) return x;
  const pairs = Array.from({ length: axes }, (_, i) => [pads[axes - 1 - i] ?? 0, pads[2 * axes - 1 - i] ?? 0]).flat();
  return nn.functional.pad(x, pairs, { value });
}

export const spatialSizes = (x: Tensor, axes: number) => x.shape.slice(x.ndim - axes);

const convolution: Operator = (setup) => {
  const group = setup.number("group", 1);
  const constant = setup.weight(1);
  if (constant === undefined) return ofTensors(setup, group);
  const [outChannels = 0, inChannels = 0, ...kernel] = constant.shape;
  const window = windowOf(setup, kernel);
  const { strides, dilations, symmetric, pads } = window;
  if (kernel.length !== 2) return ofTensors(setup, group);
  const bias = setup.weight(2, 1) !== undefined;
  if (setup.has(2) && !bias) return ofTensors(setup, group);
  const layer = setup.layer(1, () => {
    const pair = (list: readonly number[]) => [list[0] ?? 1, list[1] ?? 1] as [number, number];
    const conv = new nn.Conv2d(inChannels * group, outChannels, {
      kernelSize: pair(kernel),
      stride: pair(strides),
      padding: symmetric === undefined ? 0 : pair(symmetric),
      dilation: pair(dilations),
      groups: group,
      bias: false,
    });
    conv.weight = setup.parameter(1);
    if (bias) conv.bias = setup.parameter(2);
    return conv;
  });
  return (value) => {
    const x = asTensor(value as Value);
    return layer.call(symmetric === undefined ? padded(x, pads(spatialSizes(x, 2))) : x);
  };
};

/** A convolution of any rank, or whose weight is computed. */
function ofTensors(setup: NodeSetup, group: number): Operator extends never ? never : ReturnType<Operator> {
  const weightShape = setup.constant(1)?.shape.slice(2);
  const kernel = setup.numbers("kernel_shape") ?? weightShape;
  if (kernel === undefined) throw setup.unsupported("its kernel's size is not known");
  const window = windowOf(setup, kernel);
  const weight =
    setup.weight(1) === undefined ? undefined : setup.place.register(setup.node, setup.node.inputs[1] as string);
  const bias =
    setup.weight(2) === undefined ? undefined : setup.place.register(setup.node, setup.node.inputs[2] as string);
  return (value, w, b) => {
    const x = asTensor(value as Value);
    const input = padded(x, window.pads(spatialSizes(x, kernel.length)));
    const offset = bias ?? (b === undefined ? null : asTensor(b));
    const zeros = kernel.map(() => 0);
    return aten(
      "convolution",
      input,
      weight ?? asTensor(w as Value),
      offset,
      [...window.strides],
      zeros,
      [...window.dilations],
      false,
      zeros,
      group,
    );
  };
}

const transposed: Operator = (setup) => {
  const group = setup.number("group", 1);
  const constant = setup.weight(1);
  if (constant === undefined) throw setup.unsupported("its weight is not a constant");
  const [inChannels = 0, perGroup = 0, ...kernel] = constant.shape;
  const { strides, dilations, symmetric, pads } = windowOf(setup, kernel);
  const outputPadding = setup.numbers("output_padding") ?? kernel.map(() => 0);
  const auto = setup.text("auto_pad", "NOTSET");
  const outputShape = setup.numbers("output_shape");
  const isAuto = auto.startsWith("SAME") || outputShape !== undefined;
  if (kernel.length !== 2) throw setup.unsupported(`expected a kernel of 2 axes, received ${kernel.length}`);
  const pair = (list: readonly number[]) => [list[0] ?? 0, list[1] ?? 0] as [number, number];
  const layer = setup.layer(1, () => {
    const conv = new nn.ConvTranspose2d(inChannels, perGroup * group, {
      kernelSize: pair(kernel),
      stride: pair(strides),
      padding: symmetric === undefined || isAuto ? 0 : pair(symmetric),
      outputPadding: pair(outputPadding),
      groups: group,
      dilation: pair(dilations),
      bias: false,
    });
    conv.weight = setup.parameter(1);
    if (setup.weight(2) !== undefined) conv.bias = setup.parameter(2);
    return conv;
  });
  return (value) => {
    const x = asTensor(value as Value);
    const whole = layer.call(x);
    if (symmetric !== undefined && !isAuto) return whole;
    // What lies beyond the wanted size is cut off, as padding is in the other direction.
    const cut = isAuto
      ? spatialSizes(x, 2).flatMap((size, i) => {
          const extra = (spatialSizes(whole, 2)[i] ?? 0) - (outputShape?.at(i - 2) ?? size * (strides[i] ?? 1));
          const halves = [Math.floor(extra / 2), Math.ceil(extra / 2)];
          return [auto === "SAME_UPPER" ? halves : halves.reverse()];
        })
      : [0, 1].map((i) => [pads([])[i] ?? 0, pads([])[2 + i] ?? 0]);
    return cut.reduce(
      (y, [start = 0, end = 0], i) => y.narrow(2 + i, start, (y.shape[2 + i] ?? 0) - start - end),
      whole,
    );
  };
};

export const convolutionOperators: OperatorTable = { Conv: convolution, ConvTranspose: transposed };
