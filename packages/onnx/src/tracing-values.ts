import type { DType, Tensor, TracedCall } from "@classifier-training/torch";
import { OnnxError } from "./errors.ts";
import type { GraphBuilder, Value } from "./graph/builder.ts";
import { rawData } from "./graph/data.ts";
import { type Dim, dimFromTraces, isDynamic } from "./graph/dims.ts";
import type { Recordings } from "./trace.ts";

/** Knows, for each tensor of a recording, the value of the graph that stands for it. */
export class TracedValues {
  readonly #graph: GraphBuilder;
  readonly #recordings: Recordings;
  readonly #names: ReadonlyMap<Tensor, string>;
  readonly #computed = new Map<number, Value>();
  readonly #constants = new Map<number, Value>();
  /** Tensors that some call changes in place: their final contents say nothing about earlier ones. */
  readonly #mutated: ReadonlySet<number>;

  constructor(graph: GraphBuilder, recordings: Recordings, parameterNames: ReadonlyMap<Tensor, string>) {
    this.#graph = graph;
    this.#recordings = recordings;
    this.#names = parameterNames;
    const { calls } = recordings.base.trace;
    this.#mutated = new Set(calls.flatMap(({ inputs, outputs }) => outputs.filter((id) => inputs.includes(id))));
  }

  /** Sizes of a tensor by its number in the base recording, given its numbers in the others. */
  dims(base: number, others: readonly number[]): Dim[] {
    const { base: recording, varied } = this.#recordings;
    const shape = recording.shapes[base] ?? [];
    return shape.map((size, axis) => {
      const dims = varied.map(({ symbol, recording }, i) => {
        const other = recording.shapes[others[i] ?? -1]?.[axis];
        return dimFromTraces(size, other ?? size, symbol);
      });
      const dynamic = dims.filter(isDynamic);
      if (dynamic.length > 1) {
        throw new OnnxError({
          code: "onnx/dynamic",
          what: `a size depends on ${dynamic.map(({ symbol }) => symbol).join(" and ")} at once`,
          fix: "make fewer axes dynamic",
        });
      }
      return dynamic[0] ?? size;
    });
  }

  dtype(id: number): DType {
    return (this.#recordings.base.trace.tensors[id] as Tensor).dtype;
  }

  define(id: number, value: Value): void {
    this.#computed.set(id, value);
  }

  /** True when nothing of the inputs goes into the tensor. */
  isConstant(id: number): boolean {
    return !this.#computed.has(id);
  }

  isMutated(id: number): boolean {
    return this.#mutated.has(id);
  }

  /** The value of a tensor: computed before, or a constant that is added to the model now. */
  value(id: number): Value {
    const known = this.#computed.get(id) ?? this.#constants.get(id);
    if (known !== undefined) return known;
    const tensor = this.#recordings.base.trace.tensors[id] as Tensor;
    const wanted = this.#names.get(tensor);
    const name = wanted ?? this.#graph.uniqueName("constant");
    const value: Value = { name, shape: [...tensor.shape], dtype: tensor.dtype };
    this.#graph.initializer(name, tensor.dtype, tensor.shape, rawData(tensor));
    this.#constants.set(id, value);
    return value;
  }

  /** The numbers of a call's results in the other recordings. */
  othersOf(callIndex: number, result: number): number[] {
    return this.#recordings.varied.map(({ recording }) => outputOf(recording.trace.calls[callIndex], result));
  }
}

function outputOf(call: TracedCall | undefined, result: number): number {
  return call?.outputs[result] ?? -1;
}
