import { receivedText } from "@classifier-training/base";
import type { DType } from "@classifier-training/torch";
import { OnnxError } from "../errors.ts";
import type { GraphBuilder, Value } from "../graph/builder.ts";
import { type Dim, isDynamic, Varying } from "../graph/dims.ts";

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
  readonly #read = new Set<string>();

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
    const value = this.#get(name);
    return value !== undefined && value !== null;
  }

  /** The raw argument: a `Value`, a number, a list, a string; undefined when it was left to its default. */
  raw(name: string): unknown {
    return this.#get(name);
  }

  #get(name: string): unknown {
    this.#read.add(name);
    return this.#args.get(name);
  }

  /** Says that arguments need no translation: the shape of the result tells what they do, or they change no value. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** Whether the converter has looked at an argument. */
  isRead(name: string): boolean {
    return this.#read.has(name);
  }

  tensor(name: string): Value {
    const value = this.optionalTensor(name);
    if (value === undefined) throw this.#unexpected(name, "a tensor");
    return value;
  }

  optionalTensor(name: string): Value | undefined {
    const value = this.#get(name);
    return isValue(value) ? value : undefined;
  }

  /** The tensor operated on: schemas call it `self` or `input`. */
  get operand(): Value {
    return this.optionalTensor("self") ?? this.tensor("input");
  }

  /** Names for all results where only the first is wanted: the others are for the backward pass. */
  onlyFirst(name: string): string[] {
    return this.results.map((_, i) => (i === 0 ? name : ""));
  }

  tensors(name: string): Value[] {
    const value = this.#get(name);
    if (!Array.isArray(value) || !value.every(isValue)) throw this.#unexpected(name, "a list of tensors");
    return value;
  }

  number(name: string, otherwise?: number): number {
    const value = this.#fixed(name, this.#get(name) ?? otherwise);
    if (typeof value === "boolean") return Number(value);
    if (typeof value === "bigint") return Number(value);
    if (typeof value !== "number") throw this.#unexpected(name, "a number");
    return value;
  }

  /** A count, which may follow a symbol. */
  dim(name: string, otherwise?: number): Dim {
    const value = this.#get(name);
    return value instanceof Varying ? this.#dimOf(name, value) : this.number(name, otherwise);
  }

  /** Counts, each of which may follow a symbol. */
  dims(name: string): Dim[] {
    const value = this.#get(name);
    if (!Array.isArray(value)) return this.ints(name);
    return value.map((entry) => (entry instanceof Varying ? this.#dimOf(name, entry) : Number(entry)));
  }

  #dimOf(name: string, value: Varying): Dim {
    if (value.dim !== undefined) return value.dim;
    this.#fixed(name, value);
    return 0;
  }

  boolean(name: string, otherwise = false): boolean {
    const value = this.#fixed(name, this.#get(name) ?? otherwise);
    return value === true || value === 1;
  }

  text(name: string, otherwise: string): string {
    const value = this.#fixed(name, this.#get(name));
    return typeof value === "string" ? value : otherwise;
  }

  /** A list of integers; one number stands for `length` equal ones. */
  ints(name: string, length = 0, otherwise?: readonly number[]): number[] {
    const value = this.#fixed(name, this.#get(name));
    if (typeof value === "number") return new Array<number>(Math.max(1, length)).fill(value);
    const list = Array.isArray(value) && value.length > 0 ? value : otherwise;
    if (list === undefined) throw this.#unexpected(name, "a list of numbers");
    for (const entry of list) this.#fixed(name, entry);
    return list.length === 1 && length > 1 ? new Array<number>(length).fill(Number(list[0])) : list.map(Number);
  }

  /** The value, which the model will have for every size of its input. */
  #fixed(name: string, value: unknown): unknown {
    if (!(value instanceof Varying)) return value;
    throw this.unsupported(
      `argument '${name}' depends on the size '${value.symbol}'`,
      `compute it from the input with tensor operators, or leave '${value.symbol}' out of dynamicAxes`,
    );
  }

  /** An axis, counted from the front. */
  axis(name: string, rank: number, otherwise?: number): number {
    return positiveAxis(this.number(name, otherwise), rank);
  }

  /** The size of an axis of a tensor that must not be dynamic. */
  fixedSize({ shape }: Value, axis: number): number {
    const size = shape[axis] ?? 1;
    if (isDynamic(size)) throw this.unsupported(`the size of axis ${axis} is dynamic`);
    return size;
  }

  #unexpected(name: string, expected: string): OnnxError {
    return this.unsupported(`argument '${name}': expected ${expected}, received ${describe(this.#args.get(name))}`);
  }

  /** An error that names the operator and the module that called it. */
  unsupported(
    why: string,
    fix = "rewrite that module with exportable operators, or register a converter (see the README of the onnx package)",
  ): OnnxError {
    const overload = this.overload === "" ? "" : `.${this.overload}`;
    return new OnnxError({
      code: "onnx/unsupported",
      what: `${this.op}${overload} cannot be exported to ONNX: ${why}`,
      where: this.module === "" ? "the model's own forward" : `module '${this.module}'`,
      fix,
    });
  }
}

function describe(value: unknown): string {
  if (isValue(value)) return `a ${value.dtype} tensor`;
  if (value instanceof Varying) return `a size that depends on '${value.symbol}'`;
  return receivedText(value);
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
