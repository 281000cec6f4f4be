import { isDeepStrictEqual } from "node:util";
import type { NativeOperator } from "../native/binding.ts";
import { Tensor } from "../tensor/tensor.ts";
import { setCallListener, setReadListener } from "./dispatch.ts";

/** An argument of a recorded call: a tensor by its number, else the value; lists may hold both. */
export type TracedValue =
  | { readonly tensor: number }
  | { readonly value: unknown }
  | { readonly list: readonly TracedValue[] };

export interface TracedArgument {
  readonly name: string;
  /** The schema's type, e.g. `Tensor?`, `int[]`. */
  readonly type: string;
  readonly value: TracedValue;
  readonly hasDefault: boolean;
  /** False where the value is the schema's default. */
  readonly isGiven: boolean;
}

/** One call of an operator. */
export interface TracedCall {
  /** `aten::conv2d` */
  readonly op: string;
  readonly overload: string;
  /** All arguments of the schema in order, defaults filled in. */
  readonly arguments: readonly TracedArgument[];
  /** The numbers of the tensors among the arguments, in order. */
  readonly inputs: readonly number[];
  /** The numbers of the tensors among the results, in order. */
  readonly outputs: readonly number[];
}

export interface Trace<T = unknown> {
  readonly calls: readonly TracedCall[];
  /**
   * All tensors met, by number; the same object is the same number. A tensor that no call made is an input or a
   * constant (a parameter): compare it by identity. The usual scopes own the tensors.
   */
  readonly tensors: readonly Tensor[];
  /** Tensors whose elements JavaScript read (`item`, `toArray` and the like), with the number of calls made before. */
  readonly reads: readonly { readonly tensor: number; readonly call: number }[];
  /** What `fn` returned. */
  readonly result: T;
  /** The numbers of the tensors in it: itself, or the elements of a list or plain object. */
  readonly results: readonly number[];
  /** The number of a tensor, or undefined when no call saw it. */
  idOf(tensor: Tensor): number | undefined;
}

let recordings = 0;
let current: readonly TracedCall[] = [];

/** True inside `record`: fused kernels stand back, so that only standard operators are recorded. */
export function isRecording(): boolean {
  return recordings > 0;
}

/** How many calls the running `record` has seen so far: lets a hook say which calls are its module's. */
export function recordedCalls(): number {
  return current.length;
}

/**
 * Runs `fn` and records every operator that it calls through this package, in order. Works in eval mode under `noGrad`;
 * what happens inside a backward pass is not seen. In-place operators give their input's number as output.
 */
export function record<T>(fn: () => T): Trace<T> {
  const ids = new Map<Tensor, number>();
  const tensors: Tensor[] = [];
  const calls: TracedCall[] = [];
  const idOf = (tensor: Tensor): number => {
    let id = ids.get(tensor);
    if (id === undefined) {
      id = tensors.length;
      ids.set(tensor, id);
      tensors.push(tensor as Tensor);
    }
    return id;
  };
  const trace = (value: unknown, inputs: number[]): TracedValue => {
    if (value instanceof Tensor) {
      const id = idOf(value);
      inputs.push(id);
      return { tensor: id };
    }
    if (Array.isArray(value) && value.some((element) => element instanceof Tensor)) {
      return { list: value.map((element) => trace(element, inputs)) };
    }
    return { value: value ?? null };
  };
  const onCall = (operator: NativeOperator, values: readonly unknown[], result: unknown): void => {
    const inputs: number[] = [];
    const args = operator.arguments.map(({ name, type, hasDefault, default: standard }, i) => ({
      name,
      type,
      hasDefault,
      value: trace(values[i] === undefined ? standard : values[i], inputs),
      isGiven: !isDefault(values[i], standard),
    }));
    const outputs: number[] = [];
    trace(result, outputs);
    if (Array.isArray(result)) {
      outputs.length = 0;
      for (const part of result.flat()) if (part instanceof Tensor) outputs.push(idOf(part));
    }
    calls.push({ op: operator.name, overload: operator.overload, arguments: args, inputs, outputs });
  };
  const reads: { tensor: number; call: number }[] = [];
  const outer = setCallListener(onCall);
  const outerReads = setReadListener((tensor) => reads.push({ tensor: idOf(tensor), call: calls.length }));
  const outerCalls = current;
  current = calls;
  recordings++;
  try {
    const result = fn();
    const parts = typeof result === "object" && result !== null ? [result, ...Object.values(result)] : [];
    const results = parts.filter((part): part is Tensor => part instanceof Tensor).map(idOf);
    return { calls, tensors, reads, result, results, idOf: (tensor) => ids.get(tensor) };
  } finally {
    recordings--;
    current = outerCalls;
    setCallListener(outer);
    setReadListener(outerReads);
  }
}

/** A single number may stand for a list of equal ones, in the schema's default as in a call. */
function isDefault(value: unknown, standard: unknown): boolean {
  if (value === undefined || value === null || isDeepStrictEqual(value, standard)) return true;
  const [only] = Array.isArray(standard) && standard.length === 1 ? standard : [standard];
  return Array.isArray(value) && value.length > 0 && value.every((element) => isDeepStrictEqual(element, only));
}
