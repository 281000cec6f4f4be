import type { DType } from "@classifier-training/torch";
import { OnnxError } from "../errors.ts";
import { type Attributes, makeNode, makeTensor } from "../proto/build.ts";
import type { NodeProto, TensorProto } from "../proto/onnx.generated.ts";
import { tensorTypes } from "../proto/types.ts";
import { encode } from "./data.ts";
import { type Dim, isDynamic } from "./dims.ts";

/** A tensor of the graph: its name, and what is known of it before it runs. */
export interface Value {
  readonly name: string;
  readonly shape: readonly Dim[];
  readonly dtype: DType;
}

/** Where in the graph's inputs a symbol's value can be read. */
export interface SymbolSource {
  readonly input: string;
  readonly axis: number;
}

/** Collects the nodes and constants of a graph; operator converters write to it. */
export class GraphBuilder {
  readonly nodes: NodeProto[] = [];
  readonly initializers = new Map<string, TensorProto>();
  readonly #symbols: ReadonlyMap<string, SymbolSource>;
  readonly #constants = new Map<string, string>();
  readonly #symbolNames = new Map<string, string>();
  readonly #taken = new Set<string>();
  #scope = "";

  constructor(symbols: ReadonlyMap<string, SymbolSource>, reservedNames: readonly string[]) {
    this.#symbols = symbols;
    for (const name of reservedNames) this.#taken.add(name);
  }

  /** Nodes that follow are named after this module. */
  enter(modulePath: string): void {
    this.#scope = modulePath;
  }

  /** A name that nothing in the graph has. */
  uniqueName(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#taken.has(name); i++) name = `${wanted}_${i}`;
    this.#taken.add(name);
    return name;
  }

  /** Adds a node with one output, and returns the output's name. An absent input is written as "". */
  node(opType: string, inputs: readonly (string | undefined)[], attributes: Attributes = {}): string {
    return this.nodeN(opType, inputs, 1, attributes)[0] as string;
  }

  /** Adds a node with several outputs. */
  nodeN(
    opType: string,
    inputs: readonly (string | undefined)[],
    outputs: number,
    attributes: Attributes = {},
  ): string[] {
    const name = this.uniqueName(this.#scope === "" ? opType : `${this.#scope}/${opType}`);
    const names = Array.from({ length: outputs }, (_, i) =>
      this.uniqueName(outputs === 1 ? `${name}.out` : `${name}.out${i}`),
    );
    const given = inputs.map((input) => input ?? "");
    while (given.at(-1) === "") given.pop();
    this.nodes.push(makeNode(opType, given, names, attributes, name));
    return names;
  }

  /** Adds a tensor of the model, under its own name. */
  initializer(name: string, dtype: DType, dims: readonly number[], data: Uint8Array): string {
    if (!this.initializers.has(name)) this.initializers.set(name, makeTensor(name, dtype, dims, data));
    return name;
  }

  /** A small constant; equal ones are stored once. @param dims Omit for a scalar. */
  constant(values: readonly number[], dtype: DType, dims: readonly number[] = []): string {
    const key = `${dtype}[${dims.join()}]:${values.join()}`;
    let name = this.#constants.get(key);
    if (name === undefined) {
      name = this.uniqueName(`constant_${this.#constants.size}`);
      this.#constants.set(key, name);
      this.initializer(name, dtype, dims, encode(values, dtype));
    }
    return name;
  }

  /** A vector of int64, the form in which ONNX operators take axes and sizes. */
  ints(values: readonly number[]): string {
    return this.constant(values, "int64", [values.length]);
  }

  /** A scalar of a value's dtype. */
  scalar(value: number, dtype: DType): string {
    return this.constant([value], dtype);
  }

  /** The value as another dtype; itself when it has it already. */
  cast(value: Value, dtype: DType): string {
    return value.dtype === dtype ? value.name : this.node("Cast", [value.name], { to: tensorTypes[dtype] });
  }

  /** A shape as an int64 vector, computed from the graph's inputs where it depends on them. */
  shape(dims: readonly Dim[]): string {
    if (!dims.some(isDynamic)) return this.ints(dims as readonly number[]);
    const parts = dims.map((dim) => (isDynamic(dim) ? this.dim(dim) : this.ints([dim])));
    return parts.length === 1 ? (parts[0] as string) : this.node("Concat", parts, { axis: 0 });
  }

  /** A shape for Reshape: a single dynamic dimension is left to be inferred. */
  reshapeTarget(dims: readonly Dim[]): string {
    if (dims.filter(isDynamic).length > 1) return this.shape(dims);
    return this.ints(dims.map((dim) => (isDynamic(dim) ? -1 : dim)));
  }

  /** One dynamic dimension as an int64 vector of one element. */
  dim(dim: Dim): string {
    if (!isDynamic(dim)) return this.ints([dim]);
    let size = this.#symbolNames.get(dim.symbol);
    if (size === undefined) {
      const source = this.#symbols.get(dim.symbol);
      if (source === undefined) {
        throw new OnnxError({ code: "onnx/dynamic", what: `nothing in the inputs tells the size '${dim.symbol}'` });
      }
      size = this.node("Gather", [this.node("Shape", [source.input]), this.ints([source.axis])], { axis: 0 });
      this.#symbolNames.set(dim.symbol, size);
    }
    const multiple = dim.factor === 1 ? size : this.node("Mul", [size, this.ints([dim.factor])]);
    return dim.divisor === 1 ? multiple : this.node("Div", [multiple, this.ints([dim.divisor])]);
  }
}
