import {
  arange,
  type Device,
  type DType,
  full,
  isFloatingPoint,
  isRecording,
  Tensor,
} from "@classifier-training/torch";
import { OnnxError } from "../../errors.ts";
import {
  asTensor,
  checkedSize,
  currentDevice,
  elementCount,
  HostValue,
  hostValue,
  integersOf,
  mostOnHost,
  numbersOf,
  type Value,
} from "../values.ts";
import { broadcastShape } from "./elementwise.ts";
import { aten, type NodeSetup, type Operator, type OperatorTable } from "./setup.ts";

/** Axes or the like: an attribute in older versions, an input in newer ones. */
export function listOf(setup: NodeSetup, name: string, input: Value | undefined): readonly number[] | undefined {
  return input === undefined ? setup.numbers(name) : integersOf(input);
}

/** Any value under another shape. */
function reshaped(value: Value, shape: readonly number[]): Value {
  return value instanceof Tensor ? value.reshape([...shape]) : new HostValue(value.dtype, shape, value.numbers);
}

const reshape: Operator = (setup) => {
  const allowsZero = setup.number("allowzero", 0) === 1;
  return (x, target) => {
    const value = x as Value;
    const wanted = (listOf(setup, "shape", target) ?? []).map((size, i) =>
      size === 0 && !allowsZero ? (value.shape[i] ?? 0) : size,
    );
    const known = elementCount(wanted.filter((size) => size !== -1));
    const shape = wanted.map((size) => (size === -1 ? elementCount(value.shape) / Math.max(1, known) : size));
    if (elementCount(shape) === elementCount(value.shape)) return reshaped(value, shape);
    throw new OnnxError({
      code: "onnx/shape",
      what: `${setup.node.op}: [${value.shape.join(", ")}] does not fit [${wanted.join(", ")}]`,
      where: `node '${setup.node.name}'`,
      fix: "give images of the size that the file was made for",
    });
  };
};

const flatten: Operator = (setup) => {
  const axis = setup.number("axis", 1);
  return (x) => {
    const value = x as Value;
    const at = axis < 0 ? axis + value.shape.length : axis;
    return reshaped(value, [elementCount(value.shape.slice(0, at)), elementCount(value.shape.slice(at))]);
  };
};

const squeeze: Operator = (setup) => (x, given) => {
  const value = x as Value;
  const rank = value.shape.length;
  const axes = listOf(setup, "axes", given)?.map((axis) => (axis < 0 ? axis + rank : axis));
  return reshaped(
    value,
    value.shape.filter((size, axis) => !(axes === undefined ? size === 1 : axes.includes(axis))),
  );
};

const unsqueeze: Operator = (setup) => (x, given) => {
  const value = x as Value;
  const axes = listOf(setup, "axes", given) ?? [];
  const rank = value.shape.length + axes.length;
  const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
  const rest = [...value.shape];
  return reshaped(
    value,
    Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() as number))),
  );
};

const transpose: Operator = (setup) => {
  const perm = setup.numbers("perm");
  return (x) => {
    const tensor = asTensor(x as Value);
    return tensor.permute(perm ?? Array.from({ length: tensor.ndim }, (_, i) => tensor.ndim - 1 - i));
  };
};

const concat: Operator = (setup) => {
  const axis = setup.number("axis", 1);
  return (...inputs) => {
    const values = inputs as readonly Value[];
    const length = values.reduce((sum, value) => sum + elementCount(value.shape), 0);
    if (length <= mostOnHost && values.every((value) => value instanceof HostValue && value.shape.length === 1))
      return hostValue(
        values.flatMap((value) => (value as HostValue).numbers),
        values[0]?.dtype,
      );
    return aten("cat", values.map(asTensor), axis);
  };
};

const shapeOf: Operator = (setup) => {
  const [start, end] = [setup.number("start", 0), setup.number("end", Number.MAX_SAFE_INTEGER)];
  return (x) => hostValue((x as Value).shape.slice(start, end));
};

const size: Operator = () => (x) => hostValue(elementCount((x as Value).shape));

const expand: Operator = () => (x, target) => {
  const value = x as Value;
  const shape = checkedSize(broadcastShape(value.shape, integersOf(target as Value)), "Expand");
  if (value instanceof HostValue && value.numbers.length === 1 && elementCount(shape) <= mostOnHost)
    return filled(value.dtype, shape, value.numbers[0] as number);
  return asTensor(value).expand([...shape]);
};

const tile: Operator = () => (x, repeats) => {
  const value = asTensor(x as Value);
  const times = integersOf(repeats as Value);
  checkedSize(
    value.shape.map((length, i) => length * (times[i] ?? 1)),
    "Tile",
  );
  return aten("repeat", value, [...times]);
};

const constantOfShape: Operator = (setup) => {
  const given = setup.attribute("value");
  const fill = typeof given === "object" && "data" in given ? given : undefined;
  const [value = 0] = fill === undefined ? [0] : numbersOf(fill);
  return (x) => filled(fill?.dtype ?? "float32", checkedSize(integersOf(x as Value), "ConstantOfShape"), value);
};

/** Whether an export is to see an operator: floats are not sizes. */
const isRecordedAs = (dtype: DType) => isRecording() && isFloatingPoint(dtype);

/** The same number everywhere. */
function filled(dtype: DType, shape: readonly number[], value: number): Value {
  const make = (device: Device) => full(shape, value, { dtype, device });
  if (elementCount(shape) > mostOnHost || isRecordedAs(dtype)) return make(currentDevice());
  return new HostValue(dtype, shape, new Array<number>(elementCount(shape)).fill(value), make);
}

const range: Operator = () => (start, limit, delta) => {
  const [from = 0, to = 0, by = 1] = [start, limit, delta].map((value) => integersOf(value as Value)[0]);
  const length = Math.max(0, Math.ceil((to - from) / by));
  checkedSize([Number.isFinite(length) ? length : -1], "Range");
  const { dtype } = start as Value;
  const make = (device: Device) => arange(from, to, by, { dtype, device });
  if (length > mostOnHost || isRecordedAs(dtype)) return make(currentDevice());
  return new HostValue(
    dtype,
    [length],
    Array.from({ length }, (_, i) => from + i * by),
    make,
  );
};

/** Equal parts, or those of the given sizes. */
const split: Operator = (setup) => {
  const axis = setup.number("axis", 0);
  return (x, given) => {
    const value = asTensor(x as Value);
    const at = axis < 0 ? axis + value.ndim : axis;
    const length = value.shape[at] ?? 0;
    const each = Math.ceil(length / setup.node.outputs.length);
    const sizes = listOf(setup, "split", given) ?? setup.node.outputs.map((_, i) => Math.min(each, length - i * each));
    let start = 0;
    return sizes.map((part) => {
      start += part;
      return value.narrow(at, start - part, part);
    });
  };
};

export const shapeOperators: OperatorTable = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Concat: concat,
  Shape: shapeOf,
  Size: size,
  Expand: expand,
  Tile: tile,
  ConstantOfShape: constantOfShape,
  Range: range,
  Split: split,
};
