import type { DType, Tensor, TracedCall, TracedValue } from "@classifier-training/torch";
import { OnnxError } from "./errors.ts";
import type { GraphBuilder, Value } from "./graph/builder.ts";
import { rawData } from "./graph/data.ts";
import { type Dim, dimFromTraces, isDynamic, type SymbolValues, Varying } from "./graph/dims.ts";
import type { Recordings } from "./trace.ts";

/** A tensor that shares the memory of another: how to compute it from that one, and that one from it. */
export interface ViewOf {
  readonly base: number;
  /** Computes the view from the base's present value. */
  readonly derive: () => Value;
  /** The base's value once the view has this one. @throws OnnxError when the view cannot be written through */
  readonly writeBack: (base: Value, view: Value) => string;
}

/** Knows, for each tensor of a recording, the value of the graph that stands for it. */
export class TracedValues {
  readonly #graph: GraphBuilder;
  readonly #recordings: Recordings;
  readonly #names: ReadonlyMap<Tensor, string>;
  readonly #computed = new Map<number, Value>();
  readonly #constants = new Map<number, Value>();
  readonly #views = new Map<number, ViewOf>();
  /** How often the memory of a base was changed in place, and the count that a value was computed at. */
  readonly #changes = new Map<number, number>();
  readonly #computedAt = new Map<number, number>();
  /** The base of each tensor that shares memory with an earlier one. */
  readonly #baseOf: ReadonlyMap<number, number>;
  /** Tensors whose memory some call changes in place: their final contents say nothing about earlier ones. */
  readonly #mutated: ReadonlySet<number>;
  /** The numbers of each tensor in the other recordings. */
  readonly #others: ReadonlyMap<number, readonly number[]>;

  constructor(graph: GraphBuilder, recordings: Recordings, parameterNames: ReadonlyMap<Tensor, string>) {
    this.#graph = graph;
    this.#recordings = recordings;
    this.#names = parameterNames;
    this.#baseOf = bases(recordings.base.trace.calls, recordings.base.trace.tensors);
    const { calls } = recordings.base.trace;
    const changed = calls.flatMap(({ inputs, outputs }) => outputs.filter((id) => inputs.includes(id)));
    const changedRoots = new Set(changed.map((id) => this.#root(id)));
    const all = new Set([...calls.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])]);
    this.#mutated = new Set([...all].filter((id) => changedRoots.has(this.#root(id))));
    this.#others = correspondence(recordings);
  }

  /** Sizes of a tensor, where they follow the symbols. */
  dims(id: number): Dim[] {
    const { base: recording, varied } = this.#recordings;
    const others = this.#others.get(id) ?? [];
    const shape = recording.shapes[id] ?? [];
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

  /** The base that a call's result shares its memory with, if it is a view made by that call. */
  viewedBy(call: TracedCall, id: number): number | undefined {
    const base = this.#baseOf.get(id);
    return base !== undefined && call.inputs.includes(base) && !call.inputs.includes(id) ? base : undefined;
  }

  define(id: number, value: Value, view?: ViewOf): void {
    this.#computed.set(id, value);
    if (view !== undefined) this.#views.set(id, view);
    this.#computedAt.set(id, this.#changes.get(this.#root(id)) ?? 0);
  }

  /** A call has changed a tensor in place: everything that shares its memory changes with it. */
  redefine(id: number, value: Value): void {
    const root = this.#root(id);
    const chain: [number, Value][] = [[id, value]];
    for (let view = this.#views.get(id); view !== undefined; view = this.#views.get(view.base)) {
      const [, changed] = chain.at(-1) as [number, Value];
      const before = this.value(view.base);
      chain.push([view.base, { ...before, name: view.writeBack(before, changed) }]);
    }
    this.#changes.set(root, (this.#changes.get(root) ?? 0) + 1);
    for (const [member, changed] of chain) this.define(member, changed);
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
    const computed = this.#computed.get(id);
    if (computed === undefined) return this.#constants.get(id) ?? this.#constant(id);
    const view = this.#views.get(id);
    if (view === undefined || this.#computedAt.get(id) === (this.#changes.get(this.#root(id)) ?? 0)) return computed;
    this.define(id, view.derive());
    return this.#computed.get(id) as Value;
  }

  #constant(id: number): Value {
    const tensor = this.#recordings.base.trace.tensors[id] as Tensor;
    if (this.#mutated.has(id)) {
      throw new OnnxError({
        code: "onnx/unsupported",
        what: `forward changes ${this.#names.get(tensor) ?? "a tensor made before it"} in place, and a model file has no state`,
        fix: "change a copy (`tensor.clone()`) in forward, or do it in training mode only",
      });
    }
    const data = rawData(tensor);
    for (const [i, other] of (this.#others.get(id) ?? []).entries()) {
      const { symbol, recording } = this.#recordings.varied[i] as Recordings["varied"][number];
      const twin = recording.trace.tensors[other] as Tensor;
      if (twin !== tensor && !sameContents(tensor, data, twin)) throw baked(symbol);
    }
    const value: Value = { name: this.#nameOf(tensor), shape: [...tensor.shape], dtype: tensor.dtype };
    this.#graph.initializer(value.name, tensor.dtype, tensor.shape, data);
    this.#constants.set(id, value);
    return value;
  }

  #nameOf(tensor: Tensor): string {
    return this.#names.get(tensor) ?? this.#graph.uniqueName("constant");
  }

  /** An argument of a call as converters read it: a `Value`, a list, a plain value; `Varying` where it follows a symbol. */
  argument(traced: TracedValue, others: readonly TracedValue[]): unknown {
    if ("tensor" in traced) return this.value(traced.tensor);
    if ("list" in traced) {
      return traced.list.map((element, i) =>
        this.argument(
          element,
          others.flatMap((other) => ("list" in other ? (other.list[i] ?? []) : [])),
        ),
      );
    }
    const plain = others.map((other) => ("value" in other ? other.value : undefined));
    const symbols = this.#recordings.varied.map(({ symbol }) => symbol);
    return varyingWithin(traced.value, plain, symbols) ?? undefined;
  }

  /** The same argument in the other recordings. */
  othersOf(callIndex: number, argument: number): TracedValue[] {
    return this.#recordings.varied.flatMap(
      ({ recording }) => recording.trace.calls[callIndex]?.arguments[argument]?.value ?? [],
    );
  }

  #root(id: number): number {
    let root = id;
    for (let base = this.#baseOf.get(root); base !== undefined; base = this.#baseOf.get(root)) root = base;
    return root;
  }
}

/** Each result that shares the memory of an argument, without being it. */
function bases(calls: readonly TracedCall[], tensors: readonly Tensor[]): Map<number, number> {
  const found = new Map<number, number>();
  const seen = new Set<number>();
  for (const { inputs, outputs } of calls) {
    for (const id of inputs) seen.add(id);
    for (const id of outputs) {
      if (seen.has(id)) continue;
      seen.add(id);
      const base = inputs.find((input) => (tensors[input] as Tensor).sharesStorageWith(tensors[id] as Tensor));
      if (base !== undefined) found.set(id, base);
    }
  }
  return found;
}

/**
 * Which tensor of the other recordings is which of the first: they stand at the same places of the same calls.
 * @throws OnnxError when a call takes other tensors there
 */
function correspondence({ base, varied }: Recordings): Map<number, readonly number[]> {
  const maps = varied.map(({ symbol, recording }) => {
    const pairs = new Map<number, number>();
    const pair = (where: string, ours: readonly number[], theirs: readonly number[]) => {
      for (const [k, id] of ours.entries()) {
        const twin = theirs[k];
        if (twin === undefined || ours.length !== theirs.length || (pairs.get(id) ?? twin) !== twin) {
          throw new OnnxError({
            code: "onnx/dynamic",
            what: `${where} takes other tensors when ${symbol.symbol} changes`,
            fix: `let no branch of forward depend on ${symbol.symbol}, or leave it out of dynamicAxes`,
          });
        }
        pairs.set(id, twin);
      }
    };
    for (const [i, call] of base.trace.calls.entries()) {
      const other = recording.trace.calls[i] as TracedCall;
      pair(call.op, call.inputs, other.inputs);
      pair(call.op, call.outputs, other.outputs);
    }
    pair("the result", base.trace.results, recording.trace.results);
    return pairs;
  });
  const [first] = maps;
  return new Map([...(first?.keys() ?? [])].map((id) => [id, maps.map((pairs) => pairs.get(id) as number)] as const));
}

/** A plain argument, with `Varying` at each number that is another one in another recording. */
function varyingWithin(value: unknown, others: readonly unknown[], symbols: readonly SymbolValues[]): unknown {
  if (Array.isArray(value)) {
    return value.map((element, i) =>
      varyingWithin(
        element,
        others.map((other) => (Array.isArray(other) ? other[i] : other)),
        symbols,
      ),
    );
  }
  const differing = others.flatMap((other, i) => (Object.is(other, value) ? [] : [{ other, symbol: symbols[i] }]));
  const [only] = differing;
  if (only?.symbol === undefined) return value;
  return new Varying(only.symbol, value, differing.length === 1 ? only.other : undefined);
}

function sameContents(tensor: Tensor, data: Uint8Array, twin: Tensor): boolean {
  if (tensor.dtype !== twin.dtype || tensor.shape.join() !== twin.shape.join()) return false;
  return Buffer.compare(data, rawData(twin)) === 0;
}

function baked({ symbol }: SymbolValues): OnnxError {
  return new OnnxError({
    code: "onnx/dynamic",
    what: `a constant that forward makes has other contents when ${symbol} changes`,
    fix: `compute it from the input with tensor operators, or leave ${symbol} out of dynamicAxes`,
  });
}
