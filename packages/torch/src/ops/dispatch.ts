import { types } from "node:util";
import { CtError, suggestion } from "@classifier-training/base";
import { TorchError } from "../errors.ts";
import type { Handle, NativeOperator } from "../native/binding.ts";
import { native } from "../native/load.ts";
import { Generator } from "../random.ts";
import { dtypes, memoryFormats } from "../tensor/dtype.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Sees every operator call while it is installed; see `record`. */
export type CallListener = (operator: NativeOperator, values: readonly unknown[], result: unknown) => void;

let listener: CallListener | null = null;

export function setCallListener(next: CallListener | null): CallListener | null {
  const previous = listener;
  listener = next;
  return previous;
}

/** Sees every tensor whose elements leave for JavaScript while it is installed. */
export type ReadListener = (tensor: Tensor) => void;

let readListener: ReadListener | null = null;

export function setReadListener(next: ReadListener | null): ReadListener | null {
  const previous = readListener;
  readListener = next;
  return previous;
}

/** Brings a tensor's elements to JavaScript by `read`, whose own operator calls no listener sees. */
export function readOut<T>(tensor: Tensor, read: () => T): T {
  if (readListener === null) return read();
  readListener(tensor);
  const calls = setCallListener(null);
  try {
    return read();
  } finally {
    setCallListener(calls);
  }
}

function unwrap(value: unknown): unknown {
  if (value instanceof Tensor) return value.handle;
  if (Array.isArray(value)) {
    for (const element of value) if (element instanceof Tensor) return value.map(unwrap);
  } else if (value instanceof Generator) {
    return value.handle;
  }
  return value;
}

/**
 * Calls one overload with its arguments in the schema's order; `undefined` stands for the default. An in-place or
 * `out=` operator returns the very object that it was given.
 */
export function dispatch(operator: NativeOperator, values: readonly unknown[]): unknown {
  const raw: unknown[] = new Array(values.length);
  let result: unknown;
  try {
    for (let i = 0; i < values.length; i++) raw[i] = unwrap(values[i]);
    result = native.call(operator.index, raw);
  } catch (error) {
    throw operatorError(operator, values, error);
  }
  const { returns } = operator;
  if (returns.length === 1) result = wrapResult(operator, 0, values, result);
  else if (returns.length > 1) {
    result = (result as unknown[]).map((part, i) => wrapResult(operator, i, values, part));
  }
  if (listener !== null) listener(operator, values, result);
  return result;
}

function wrapResult(operator: NativeOperator, i: number, values: readonly unknown[], result: unknown): unknown {
  const { kind, aliasOf } = operator.returns[i]!;
  if (kind === "other" || result === null) return result;
  if (aliasOf >= 0 && values[aliasOf] instanceof Tensor) {
    native.dispose(result as Handle);
    return values[aliasOf];
  }
  if (kind === "tensor") return new Tensor(result as Handle);
  return (result as (Handle | null)[]).map((handle) => (handle === null ? null : new Tensor(handle)));
}

/** An argument as error messages show it: `float32[8, 3, 224, 224]`, `[1, 1]`, `true`. */
export function describeValue(value: unknown): string {
  if (value instanceof Tensor) {
    if (value.isDisposed) return "a disposed tensor";
    const device = value.device === "cpu" ? "" : `@${value.device}`;
    return `${value.dtype}[${value.shape.join(", ")}]${device}`;
  }
  if (Array.isArray(value)) {
    const shown = value.slice(0, 8).map(describeValue);
    return `[${shown.join(", ")}${value.length > 8 ? ", ..." : ""}]`;
  }
  if (value instanceof Generator) return `a generator of ${value.device}`;
  if (typeof value === "object" && value !== null) return `a ${value.constructor?.name ?? "object"}`;
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** The nearest dtype, layout or memory format, where LibTorch met none of them. */
function enumFix(message: string): string | undefined {
  const [, name] = /expected a dtype, layout or memory format, received string "(.*)"/.exec(message) ?? [];
  return name === undefined ? undefined : suggestion(name, [...dtypes, ...memoryFormats, "strided", "sparse_coo"]);
}

function operatorError(operator: NativeOperator, values: readonly unknown[], error: unknown): unknown {
  if (!CtError.is(error) && !(types.isNativeError(error) && "native" in error)) return error;
  if (CtError.is(error) && error.code !== "torch/disposed") return error;
  const name = operator.name.replace(/^aten::/, "");
  const given = operator.arguments
    .map((argument, i) => [argument.name, values[i]] as const)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}: ${describeValue(value)}`);
  const message = types.isNativeError(error) ? (error.message.split("\n  where:")[0] ?? "") : String(error);
  return new TorchError({
    code: "torch/operator",
    what: `${name}: ${message.split("\nException raised from")[0]!.trim()}`,
    where: `${operator.name}${operator.overload === "" ? "" : `.${operator.overload}`}(${given.join(", ")})`,
    fix: enumFix(message),
    cause: error,
  });
}

/** A function that calls one overload by full name, e.g. `aten::add.Tensor`; looked up at its first call. */
export function bind<Result = Tensor>(fullName: string): (...values: unknown[]) => Result {
  let operator: NativeOperator | null = null;
  return (...values) => {
    operator ??= lookUp(fullName);
    return dispatch(operator, values) as Result;
  };
}

/** The overload of a full name. @throws TorchError when this LibTorch has none */
export function lookUp(fullName: string): NativeOperator {
  const [, name, overload = ""] = /^([^.]+)(?:\.(.*))?$/.exec(fullName) ?? ["", fullName];
  const operator = native.operator(name!, overload);
  if (operator === null) {
    throw new TorchError({
      code: "torch/no-operator",
      what: `this LibTorch (${native.versionInfo().libtorch}) has no operator ${fullName}`,
    });
  }
  return operator;
}
