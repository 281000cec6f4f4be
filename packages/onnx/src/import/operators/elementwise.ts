import { type DType, Tensor, where } from "@classifier-training/torch";
import { tensorTypes } from "../../proto/types.ts";
import { asTensor, checkedSize, elementCount, HostValue, mostOnHost, type Value } from "../values.ts";
import { aten, NodeSetup, type Operator, type OperatorTable, type Run, unary } from "./setup.ts";

type OfNumbers = (a: number, b: number) => number;

/** Numbers of two host values, broadcast against each other. */
function broadcast(a: HostValue, b: HostValue, compute: OfNumbers, dtype: DType): HostValue {
  const shape = broadcastShape(a.shape, b.shape);
  const read = (value: HostValue, index: readonly number[]) => {
    const offset = shape.length - value.shape.length;
    const at = value.shape.reduce(
      (sum, size, axis) => sum * size + (size === 1 ? 0 : (index[axis + offset] as number)),
      0,
    );
    return value.numbers[at] as number;
  };
  return new HostValue(
    dtype,
    shape,
    positions(shape).map((index) => compute(read(a, index), read(b, index))),
  );
}

export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  const padded = (shape: readonly number[]) => [...new Array<number>(rank - shape.length).fill(1), ...shape];
  const [first, second] = [padded(a), padded(b)];
  return first.map((size, axis) => (size === 1 ? (second[axis] as number) : size));
}

/** Every index of a shape, in row-major order. */
function positions(shape: readonly number[]): number[][] {
  checkedSize(shape, "a value on the host");
  return shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );
}

const isInteger = (dtype: DType) => !dtype.startsWith("float") && dtype !== "bfloat16" && dtype !== "bool";

/** Whether a result is computed without LibTorch. */
function onHost(...values: readonly Value[]): boolean {
  const shape = values.reduce<number[]>((all, value) => broadcastShape(all, value.shape), []);
  return values.every((value) => value instanceof HostValue) && elementCount(shape) <= mostOnHost;
}

/** Functions that LibTorch has of two tensors only. */
const ofTensorsOnly: ReadonlySet<string> = new Set(["maximum", "minimum", "logical_and", "logical_or", "logical_xor"]);

/** A function of two tensors, of a tensor and a number, or of numbers. */
function binary(name: string, ofNumbers: OfNumbers, result?: DType): Operator {
  const run = (...args: unknown[]) => aten(name, ...args);
  const takesNumbers = !ofTensorsOnly.has(name);
  return (setup) => {
    const parameters = trainable(setup);
    return (...inputs) => {
      const [a, b] = inputs.map((value, i) => parameters[i] ?? (value as Value)) as [Value, Value];
      if (onHost(a, b)) return broadcast(a as HostValue, b as HostValue, ofNumbers, result ?? a.dtype);
      // A number takes no memory, and no dtype.
      if (takesNumbers && b instanceof HostValue && b.shape.length === 0) return run(asTensor(a), b.numbers[0]);
      return run(asTensor(a), asTensor(b));
    };
  };
}

/** Parameters of the constants of a node: biases, factors, position embeddings; single numbers are not trained. */
function trainable(setup: NodeSetup): readonly (Tensor | undefined)[] {
  if (setup.place.isPreprocessing(setup.node)) return [];
  return setup.node.inputs.map((name, i) => {
    const constant = setup.weight(i);
    const elements = constant?.shape.reduce((product, size) => product * size, 1) ?? 0;
    return elements > 1 ? setup.place.register(setup.node, name) : undefined;
  });
}

/** Integers are divided with truncation. */
const divide: Operator = (setup) => {
  const plain = binary("div", (a, b) => a / b)(setup);
  return (a, b) => {
    const [first, second] = [a as Value, b as Value];
    if (!isInteger(first.dtype)) return plain(first, second);
    if (onHost(first, second))
      return broadcast(first as HostValue, second as HostValue, (x, y) => Math.trunc(x / y), first.dtype);
    return aten("div", asTensor(first), asTensor(second), { rounding_mode: "trunc" });
  };
};

const modulo: Operator = (setup) => {
  const isC = setup.number("fmod", 0) === 1;
  return binary(isC ? "fmod" : "remainder", isC ? (a, b) => a % b : (a, b) => ((a % b) + b) % b)(setup);
};

/** Any number of inputs, two at a time. */
function variadic(name: string, ofNumbers: OfNumbers): Operator {
  return (setup) => {
    const pair = binary(name, ofNumbers)(new NodeSetup({ ...setup.node, inputs: [] }, setup.place));
    return (...inputs) => {
      const values = inputs as readonly Value[];
      return values.slice(1).reduce<Value>((sum, value) => pair(sum, value) as Value, values[0] as Value);
    };
  };
}

const mean: Operator = (setup) => {
  const sum = variadic("add", (a, b) => a + b)(setup);
  return (...inputs) => asTensor(sum(...inputs) as Value).div(inputs.length);
};

/** A function of one tensor, or of numbers. */
function onBoth(name: string, ofNumber: (x: number) => number): Operator {
  const run = (...args: unknown[]) => aten(name, ...args);
  return () => (x) => {
    if (x instanceof HostValue) return new HostValue(x.dtype, x.shape, x.numbers.map(ofNumber));
    return run(x);
  };
}

const dtypes = new Map<number, DType>(Object.entries(tensorTypes).map(([dtype, code]) => [code, dtype as DType]));
/** Unsigned types that LibTorch lacks. */
const larger: Readonly<Record<number, DType>> = { 4: "int32", 12: "int64", 13: "int64" };

const cast: Operator = (setup) => {
  const code = setup.number("to", 1);
  const dtype = dtypes.get(code) ?? larger[code];
  if (dtype === undefined) throw setup.unsupported(`the element type ${code}`);
  return (x) => castTo(x as Value, dtype);
};

function castTo(value: Value, dtype: DType): Value {
  if (value.dtype === dtype) return value;
  if (value instanceof Tensor) return value.to({ dtype });
  const whole = isInteger(dtype) ? Math.trunc : dtype === "bool" ? (n: number) => Number(n !== 0) : (n: number) => n;
  return new HostValue(dtype, value.shape, value.numbers.map(whole));
}

const castLike: Operator = () => (x, like) => castTo(x as Value, (like as Value).dtype);

const chooseBy: Operator = () => (condition, a, b) => {
  const values = [condition, a, b] as [Value, Value, Value];
  if (onHost(...values)) {
    const [flags, first, second] = values as [HostValue, HostValue, HostValue];
    const pairs = broadcast(first, second, (x) => x, first.dtype);
    const others = broadcast(pairs, second, (_, y) => y, first.dtype);
    const chosen = broadcast(flags, pairs, (flag, x) => (flag === 0 ? 0 : x), first.dtype);
    const rest = broadcast(flags, others, (flag, y) => (flag === 0 ? y : 0), first.dtype);
    return broadcast(chosen, rest, (x, y) => x + y, first.dtype);
  }
  return where(asTensor(values[0]), asTensor(values[1]), asTensor(values[2]));
};

/** Half to even. */
const roundEven = (x: number) => {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
};

const isInf: Operator = (setup) => {
  const [negative, positive] = [setup.number("detect_negative", 1), setup.number("detect_positive", 1)];
  return (value) => {
    const x = asTensor(value as Value);
    if (negative === 1 && positive === 1) return aten("isinf", x);
    return positive === 1 ? aten("isposinf", x) : aten("isneginf", x);
  };
};

const bool = (test: boolean) => Number(test);
const call = (name: string) => unary((x) => aten(name, x));
const logical = (name: string, ofNumbers: OfNumbers) => binary(name, ofNumbers, "bool");

const power: Operator = () => (a, b) => {
  if (onHost(a as Value, b as Value))
    return broadcast(a as HostValue, b as HostValue, (x, y) => x ** y, (a as Value).dtype);
  const exponent = b as Value;
  const by = exponent instanceof HostValue && exponent.numbers.length === 1 ? exponent.numbers[0] : asTensor(exponent);
  return aten("pow", asTensor(a as Value), by);
};

const einsum: Operator = (setup) => {
  const equation = setup.text("equation", "");
  const run: Run = (...inputs) =>
    aten(
      "einsum",
      equation,
      inputs.map((value) => asTensor(value as Value)),
    );
  return run;
};

export const elementwiseOperators: OperatorTable = {
  Add: binary("add", (a, b) => a + b),
  Sub: binary("sub", (a, b) => a - b),
  Mul: binary("mul", (a, b) => a * b),
  Div: divide,
  Mod: modulo,
  Pow: power,
  Sum: variadic("add", (a, b) => a + b),
  Mean: mean,
  Max: variadic("maximum", Math.max),
  Min: variadic("minimum", Math.min),
  Equal: logical("eq", (a, b) => bool(a === b)),
  Greater: logical("gt", (a, b) => bool(a > b)),
  GreaterOrEqual: logical("ge", (a, b) => bool(a >= b)),
  Less: logical("lt", (a, b) => bool(a < b)),
  LessOrEqual: logical("le", (a, b) => bool(a <= b)),
  And: logical("logical_and", (a, b) => bool(a !== 0 && b !== 0)),
  Or: logical("logical_or", (a, b) => bool(a !== 0 || b !== 0)),
  Xor: logical("logical_xor", (a, b) => bool((a !== 0) !== (b !== 0))),
  Not: onBoth("logical_not", (x) => bool(x === 0)),
  Neg: onBoth("neg", (x) => -x),
  Abs: onBoth("abs", Math.abs),
  Ceil: onBoth("ceil", Math.ceil),
  Floor: onBoth("floor", Math.floor),
  Round: onBoth("round", roundEven),
  Sign: onBoth("sign", Math.sign),
  Sqrt: onBoth("sqrt", Math.sqrt),
  Reciprocal: onBoth("reciprocal", (x) => 1 / x),
  Exp: call("exp"),
  Log: call("log"),
  Erf: call("erf"),
  Sin: call("sin"),
  Cos: call("cos"),
  Tan: call("tan"),
  Asin: call("asin"),
  Acos: call("acos"),
  Atan: call("atan"),
  Sinh: call("sinh"),
  Cosh: call("cosh"),
  Asinh: call("asinh"),
  Acosh: call("acosh"),
  Atanh: call("atanh"),
  IsNaN: call("isnan"),
  IsInf: isInf,
  Cast: cast,
  CastLike: castLike,
  Where: chooseBy,
  Einsum: einsum,
};
