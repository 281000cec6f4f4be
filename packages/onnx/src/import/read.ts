import { fromBinary } from "@bufbuild/protobuf";
import type { DType } from "@classifier-training/torch";
import { OnnxError } from "../errors.ts";
import { encode } from "../graph/data.ts";
import {
  type AttributeProto,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "../proto/onnx.generated.ts";
import { attributeTypes, tensorTypes } from "../proto/types.ts";
import type { GraphAttribute, GraphNode, GraphPort, GraphTensor, OnnxGraph } from "./graph.ts";

const dtypes = new Map<number, DType>(Object.entries(tensorTypes).map(([dtype, code]) => [code, dtype as DType]));

const bytesPerElement: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
  complex64: 8,
  complex128: 16,
};

/** Fields of `TensorProto` for data in another file. */
const externalFields = [13, 14];
const opsets = { oldest: 7, newest: 24 } as const;

/**
 * Reads a model file as data.
 * @param where names the file in errors
 * @throws OnnxError `onnx/invalid` for bytes that are not a whole model, `onnx/unsupported` for what cannot be read: weights in
 * other files, operators of other domains, subgraphs (naming operator and node)
 */
export function readOnnxGraph(bytes: Uint8Array, where: string): OnnxGraph {
  const reading = new Reading(where);
  return reading.model(parse(bytes, where));
}

function parse(bytes: Uint8Array, where: string): ModelProto {
  try {
    // A Buffer's `slice` is a view where a Uint8Array's is a copy: tensors must not share its memory.
    return fromBinary(ModelProtoSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    const what = "the file is not an ONNX model, or is truncated";
    throw new OnnxError({ code: "onnx/invalid", what, where, cause });
  }
}

class Reading {
  readonly #where: string;

  constructor(where: string) {
    this.#where = where;
  }

  model({ graph, opsetImport, metadataProps, producerName, producerVersion }: ModelProto): OnnxGraph {
    if (graph === undefined) throw this.#invalid("the ONNX model has no graph");
    const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, this.#tensor(tensor)]));
    const isInput = ({ name }: ValueInfoProto) => !initializers.has(name);
    const inputs = graph.input.filter(isInput).map((port) => this.#port(port));
    const outputs = graph.output.map((port) => this.#port(port));
    const nodes = this.#nodes(graph, inputs, initializers);
    const made = new Set([...inputs.map(({ name }) => name), ...initializers.keys(), ...nodes.flatMap(outputsOf)]);
    const missing = outputs.find(({ name }) => !made.has(name));
    if (missing !== undefined) throw this.#invalid(`no node makes the output '${missing.name}'`);
    return {
      inputs,
      outputs,
      nodes,
      initializers,
      opset: this.#opset(opsetImport),
      metadata: Object.fromEntries(metadataProps.map(({ key, value }) => [key, value])),
      producer: `${producerName} ${producerVersion}`.trim(),
    };
  }

  #opset(imports: ModelProto["opsetImport"]): number {
    const version = Number(imports.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version ?? 0);
    if (version >= opsets.oldest && version <= opsets.newest) return version;
    throw this.#unsupported(
      `expected operator set ${opsets.oldest} to ${opsets.newest}, received ${version}`,
      "export the model again with opset 17",
    );
  }

  /** In the order of the data, each with a name of its own. */
  #nodes(
    { node: given }: GraphProto,
    inputs: readonly GraphPort[],
    initializers: ReadonlyMap<string, GraphTensor>,
  ): GraphNode[] {
    const foreign = given.find(({ domain }) => domain !== "" && domain !== "ai.onnx");
    if (foreign !== undefined) {
      throw this.#unsupported(
        `the operator ${foreign.domain}.${foreign.opType} (node '${foreign.name}') is not ONNX's`,
      );
    }
    const names = new Set<string>();
    const unique = ({ name, output, opType }: NodeProto, i: number) => {
      const wanted = name || output.find((one) => one !== "") || `${opType}_${i}`;
      let own = wanted;
      for (let k = 1; names.has(own); k++) own = `${wanted}_${k}`;
      names.add(own);
      return own;
    };
    const nodes = given.map((node, i): GraphNode => {
      const name = unique(node, i);
      return {
        op: node.opType,
        name,
        inputs: node.input,
        outputs: node.output,
        attributes: Object.fromEntries(node.attribute.map((one) => [one.name, this.#attribute(one, node, name)])),
      };
    });
    return this.#sorted(nodes, new Set([...inputs.map(({ name }) => name), ...initializers.keys()]));
  }

  /** @throws OnnxError for a value that nothing makes, that is made twice, or that needs itself */
  #sorted(nodes: readonly GraphNode[], given: ReadonlySet<string>): GraphNode[] {
    const makers = new Map<string, GraphNode>();
    for (const node of nodes) {
      for (const output of outputsOf(node)) {
        if (makers.has(output) || given.has(output)) throw this.#invalid(`the value '${output}' is made twice`);
        makers.set(output, node);
      }
    }
    const waitsFor = new Map<GraphNode, number>();
    const users = new Map<GraphNode, GraphNode[]>();
    for (const node of nodes) {
      const needed = new Set<GraphNode>();
      for (const input of node.inputs) {
        if (input === "" || given.has(input)) continue;
        const maker = makers.get(input);
        if (maker === undefined)
          throw this.#invalid(`node '${node.name}' (${node.op}) needs '${input}', which nothing makes`);
        needed.add(maker);
      }
      waitsFor.set(node, needed.size);
      for (const maker of needed) users.set(maker, [...(users.get(maker) ?? []), node]);
    }
    const sorted = nodes.filter((node) => waitsFor.get(node) === 0);
    for (let i = 0; i < sorted.length; i++) {
      for (const user of users.get(sorted[i] as GraphNode) ?? []) {
        const left = (waitsFor.get(user) as number) - 1;
        waitsFor.set(user, left);
        if (left === 0) sorted.push(user);
      }
    }
    if (sorted.length === nodes.length) return sorted;
    const stuck = nodes.find((node) => (waitsFor.get(node) as number) > 0) as GraphNode;
    throw this.#invalid(`node '${stuck.name}' (${stuck.op}) needs its own result: the graph has a cycle`);
  }

  #attribute(attribute: AttributeProto, node: NodeProto, name: string): GraphAttribute {
    const { type, f, i, s, t, floats, ints, strings } = attribute;
    switch (type) {
      case attributeTypes.float:
        return f ?? 0;
      case attributeTypes.int:
        return clipped(i ?? 0n);
      case attributeTypes.string:
        return new TextDecoder().decode(s);
      case attributeTypes.tensor:
        if (t !== undefined) return this.#tensor(t);
        break;
      case attributeTypes.floats:
        return floats;
      case attributeTypes.ints:
        return ints.map(clipped);
      case attributeTypes.strings:
        return strings.map((text) => new TextDecoder().decode(text));
    }
    throw this.#unsupported(
      `${node.opType} (node '${name}') has the attribute '${attribute.name}', a subgraph: control flow is not supported`,
      "export the model with fixed branches",
    );
  }

  #port({ name, type }: ValueInfoProto): GraphPort {
    const tensor = type?.value.case === "tensorType" ? type.value.value : undefined;
    const dtype = dtypes.get(tensor?.elemType ?? 0);
    if (tensor === undefined || dtype === undefined) throw this.#unsupported(`'${name}' is not a tensor of numbers`);
    const shape = (tensor.shape?.dim ?? []).map(({ value }) =>
      value.case === "dimValue" ? clipped(value.value) : (value.value ?? ""),
    );
    return { name, dtype, shape };
  }

  #tensor(tensor: TensorProto): GraphTensor {
    const { name, dims, dataType, rawData } = tensor;
    if (tensor.$unknown?.some(({ no }) => externalFields.includes(no))) {
      throw this.#unsupported(
        `the elements of '${name}' are in another file`,
        "save the model as one file (onnx.save with save_as_external_data=False)",
      );
    }
    const dtype = dtypes.get(dataType) ?? widened.get(dataType)?.dtype;
    if (dtype === undefined) throw this.#unsupported(`the tensor '${name}' has the element type ${dataType}`);
    const shape = dims.map(clipped);
    if (shape.some((size) => size < 0)) throw this.#invalid(`the tensor '${name}' has the shape [${shape}]`);
    const elements = shape.reduce((product, size) => product * size, 1);
    const data = rawData.length > 0 ? (widened.get(dataType)?.widen(rawData) ?? rawData) : listed(tensor, dtype);
    const expected = elements * bytesPerElement[dtype];
    if (data.length !== expected)
      throw this.#invalid(
        `the tensor '${name}' of shape [${shape}] has ${data.length} bytes of ${dtype}, expected ${expected}`,
      );
    return { dtype, shape, data };
  }

  #invalid(what: string): OnnxError {
    return new OnnxError({ code: "onnx/invalid", what, where: this.#where });
  }

  #unsupported(what: string, fix?: string): OnnxError {
    return new OnnxError({ code: "onnx/unsupported", what, where: this.#where, fix });
  }
}

const outputsOf = ({ outputs }: GraphNode) => outputs.filter((name) => name !== "");

function clipped(value: bigint): number {
  const largest = BigInt(Number.MAX_SAFE_INTEGER);
  return Number(value > largest ? largest : value < -largest ? -largest : value);
}

/** ONNX's unsigned types, which LibTorch lacks, as the next larger signed ones. */
const widened = new Map<number, { readonly dtype: DType; readonly widen: (raw: Uint8Array) => Uint8Array }>([
  [4, { dtype: "int32", widen: (raw) => encode(Array.from(new Uint16Array(aligned(raw))), "int32") }],
  [12, { dtype: "int64", widen: (raw) => encode(Array.from(new Uint32Array(aligned(raw))), "int64") }],
  [13, { dtype: "int64", widen: (raw) => raw }],
]);

function aligned(raw: Uint8Array): ArrayBuffer {
  return raw.slice(0, raw.length - (raw.length % 4 === 0 ? 0 : raw.length % 2)).buffer as ArrayBuffer;
}

/** Elements that are not written as raw bytes: half-precision ones are bits in `int32_data`. */
function listed({ floatData, doubleData, int32Data, int64Data }: TensorProto, dtype: DType): Uint8Array {
  if (dtype === "float16" || dtype === "bfloat16") return bytesOf(Uint16Array.from(int32Data));
  if (int64Data.length > 0) return bytesOf(BigInt64Array.from(int64Data));
  const values = [floatData, doubleData, int32Data].find((list) => list.length > 0) ?? [];
  return values.length === 0 ? new Uint8Array() : encode(values, dtype);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
