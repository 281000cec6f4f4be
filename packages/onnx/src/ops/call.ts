import type { DType } from "@classifier-training/torch";
import { OnnxError } from "../errors.ts";
import type { GraphBuilder, Value } from "../graph/builder.ts";
import type { Dim } from "../graph/dims.ts";

/** One recorded operator call, its tensors already values of the graph. */
export class OpCall {
  /** `aten::conv2d` */
  readonly op: string;
  readonly overload: string;
  /** Path of the module that made the call; "" for the model itself. */
  readonly module: string;
  /** What each result looks like. */
  readonly results: readonly { readonly shape: readonly Dim[]; readonly dtype: DType }[];
  readonly #args: ReadonlyMap<string, unknown>;

  constructor(
    op: { readonly name: string; readonly overload: string; readonly module: string },
    args: ReadonlyMap<string, unknown>,
    results: OpCall["results"],
  ) {
    this.op = op.name;
    this.overload = op.overload;
    this.module = op.module;
    this.#args = args;
    this.results = results;
  }

  /** Shape and dtype of the first result. */
  get result(): { readonly shape: readonly Dim[]; readonly dtype: DType } {
    const first = this.results[0];
    if (first === undefined) throw this.unsupported("it returns no tensor");
    return first;
  }

  has(name: string): boolean {
    return this.#args.get(name) !== undefined && this.#args.get(name) !== null;
  }

  /** The raw argument: a `Value`, a number, a list, a string; undefined when it was left to its default. */
  raw(name: string): unknown {
    return this.#args.get(name);
  }

  tensor(name: string): Value {
    const value = this.optionalTensor(name);
    if (value === undefined) throw this.unsupported(`argument '${name}' is no tensor`);
    return value;
  }

  optionalTensor(name: string): Value | undefined {
    const value = this.#args.get(name);
    return isValue(value) ? value : undefined;
  }

  tensors(name: string): Value[] {
    const value = this.#args.get(name);
    if (!Array.isArray(value) || !value.every(isValue)) throw this.unsupported(`argument '${name}' is no tensor list`);
    return value;
  }

  number(name: string, otherwise?: number): number {
    const value = this.#args.get(name) ?? otherwise;
    if (typeof value === "boolean") return Number(value);
    if (typeof value === "bigint") return Number(value);
    if (typeof value !== "number") throw this.unsupported(`argument '${name}' is no number`);
    return value;
  }

  boolean(name: string, otherwise = false): boolean {
    const value = this.#args.get(name) ?? otherwise;
    return value === true || value === 1;
  }

  text(name: string, otherwise: string): string {
    const value = this.#args.get(name);
    return typeof value === "string" ? value : otherwise;
  }

  /** A list of whole numbers; one number stands for `length` equal ones. */
  ints(name: string, length = 0, otherwise?: readonly number[]): number[] {
    const value = this.#args.get(name);
    if (typeof value === "number") return new Array<number>(Math.max(1, length)).fill(value);
    const list = Array.isArray(value) && value.length > 0 ? value : otherwise;
    if (list === undefined) throw this.unsupported(`argument '${name}' is no list of numbers`);
    return list.length === 1 && length > 1 ? new Array<number>(length).fill(Number(list[0])) : list.map(Number);
  }

  /** An axis, counted from the front. */
  axis(name: string, rank: number, otherwise?: number): number {
    return positiveAxis(this.number(name, otherwise), rank);
  }

  /** An error that names the operator and the module that called it. */
  unsupported(why: string): OnnxError {
    const overload = this.overload === "" ? "" : `.${this.overload}`;
    return new OnnxError({
      code: "onnx/unsupported",
      what: `${this.op}${overload} cannot be exported to ONNX: ${why}`,
      where: this.module === "" ? "the model's own forward" : `module '${this.module}'`,
      fix: "rewrite that module with exportable operators, or register a converter (see the README of the onnx package)",
    });
  }
}

export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export function isValue(value: unknown): value is Value {
  return typeof value === "object" && value !== null && "name" in value && "shape" in value && "dtype" in value;
}

/** Writes the ONNX nodes of a call; returns the names of its results. */
export type Converter = (call: OpCall, graph: GraphBuilder) => string | readonly string[];

/** Converters by the operator's name without `aten::` and overload; an in-place variant uses the plain one's. */
export type ConverterTable = Readonly<Record<string, Converter>>;
