import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { OnnxError } from "../errors.ts";
import { type Attributes, makeNode, makeTensor } from "../proto/build.ts";
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
} from "../proto/onnx.generated.ts";
import { tensorTypes } from "../proto/types.ts";

/** A model being rewritten: its graph, with what transformations need to know about it. */
export class ModelEditor {
  readonly model: ModelProto;
  readonly graph: GraphProto;
  readonly #initializers: Map<string, TensorProto>;
  readonly #taken: Set<string>;

  /** @throws OnnxError `onnx/invalid` when the bytes are not an ONNX model */
  constructor(bytes: Uint8Array) {
    let graph: GraphProto | undefined;
    try {
      // A Buffer's `slice` is a view where a Uint8Array's is a copy: tensors must not share their memory.
      this.model = fromBinary(ModelProtoSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
      graph = this.model.graph;
    } catch (error) {
      throw new OnnxError({ code: "onnx/invalid", what: "these bytes are not an ONNX model", cause: error });
    }
    if (graph === undefined) throw new OnnxError({ code: "onnx/invalid", what: "the ONNX model has no graph" });
    this.graph = graph;
    this.#initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
    this.#taken = new Set([...this.#initializers.keys(), ...graph.input.map(({ name }) => name)]);
    for (const { name, output } of graph.node) for (const taken of [name, ...output]) this.#taken.add(taken);
  }

  get nodes(): readonly NodeProto[] {
    return this.graph.node;
  }

  initializer(name: string | undefined): TensorProto | undefined {
    return name === undefined ? undefined : this.#initializers.get(name);
  }

  /** The elements of a constant float32 tensor; undefined for anything else. */
  floats(name: string | undefined): Float32Array | undefined {
    const tensor = this.initializer(name);
    if (tensor === undefined || tensor.dataType !== tensorTypes.float32) return undefined;
    if (tensor.rawData.length === 0) return Float32Array.from(tensor.floatData);
    // the bytes of a parsed message start anywhere, a Float32Array only at multiples of four
    return new Float32Array(tensor.rawData.slice().buffer);
  }

  dims(name: string): number[] {
    return (this.initializer(name)?.dims ?? []).map(Number);
  }

  uniqueName(wanted: string): string {
    let name = wanted;
    for (let i = 1; this.#taken.has(name); i++) name = `${wanted}_${i}`;
    this.#taken.add(name);
    return name;
  }

  /** Adds a constant under a name like the wanted one, and returns the name. */
  addInitializer(wanted: string, ...rest: TensorArguments): string {
    const tensor = makeTensor(this.uniqueName(wanted), ...rest);
    this.#initializers.set(tensor.name, tensor);
    return tensor.name;
  }

  /** A new node that is not in the graph yet: put it there with `replaceNodes`. */
  node(opType: string, inputs: readonly string[], wanted: string, attributes: Attributes = {}): NodeProto {
    return makeNode(opType, inputs, [this.uniqueName(wanted)], attributes, this.uniqueName(`${wanted}/${opType}`));
  }

  /** Rewrites each node to those that `rewrite` returns for it. */
  replaceNodes(rewrite: (node: NodeProto) => readonly NodeProto[]): void {
    this.graph.node = this.graph.node.flatMap((node) => [...rewrite(node)]);
  }

  /** How many nodes read each value; an output of the graph counts as read once. */
  uses(): Map<string, number> {
    const uses = new Map<string, number>();
    const read = [...this.graph.node.flatMap(({ input }) => input), ...this.graph.output.map(({ name }) => name)];
    for (const name of read) uses.set(name, (uses.get(name) ?? 0) + 1);
    return uses;
  }

  /** The model's bytes, without the constants that nothing reads any more. */
  bytes(): Uint8Array {
    const uses = this.uses();
    this.graph.initializer = [...this.#initializers.values()].filter(({ name }) => uses.has(name));
    return toBinary(ModelProtoSchema, this.model);
  }
}

type TensorArguments = Parameters<typeof makeTensor> extends [string, ...infer Rest] ? Rest : never;

/** A number from a node's attributes. */
export function numberAttribute(node: NodeProto, name: string, otherwise: number): number {
  const found = node.attribute.find((entry) => entry.name === name);
  return found?.f ?? (found?.i === undefined ? otherwise : Number(found.i));
}

/** The bytes of a typed array. */
export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
