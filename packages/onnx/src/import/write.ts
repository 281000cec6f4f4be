import { create, toBinary } from "@bufbuild/protobuf";
import { type AttributeValue, float, makeNode, makeTensor, makeValueInfo } from "../proto/build.ts";
import { AttributeProtoSchema, ModelProtoSchema, type NodeProto } from "../proto/onnx.generated.ts";
import { attributeTypes } from "../proto/types.ts";
import type { GraphAttribute, GraphNode, GraphTensor, OnnxGraph } from "./graph.ts";

/** Attributes that are floats, whatever operator has them: a graph's numbers do not say it. */
const floatAttributes: ReadonlySet<string> = new Set([
  "alpha",
  "beta",
  "bias",
  "cubic_coeff_a",
  "epsilon",
  "extrapolation_value",
  "gamma",
  "lambd",
  "max",
  "min",
  "momentum",
  "ratio",
  "scales",
  "threshold",
  "value",
  "value_float",
  "value_floats",
]);

/** ONNX IR versions by operator set: the oldest that has it. */
const irVersion = (opset: number) => (opset <= 17 ? 8n : opset <= 20 ? 9n : 10n);

/** The graph as the bytes of an ONNX model, which `readOnnxGraph` reads as the same graph. */
export function writeOnnxGraph({
  inputs,
  outputs,
  nodes,
  initializers,
  opset,
  metadata,
  producer,
}: OnnxGraph): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: irVersion(opset),
    producerName: producer,
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
    graph: {
      name: "model",
      node: nodes.map(nodeOf),
      initializer: [...initializers].map(([name, { dtype, shape, data }]) => makeTensor(name, dtype, shape, data)),
      input: inputs.map(({ name, dtype, shape }) => makeValueInfo(name, dtype, shape)),
      output: outputs.map(({ name, dtype, shape }) => makeValueInfo(name, dtype, shape)),
    },
  });
  return toBinary(ModelProtoSchema, model);
}

function nodeOf({ op, name, inputs, outputs, attributes }: GraphNode): NodeProto {
  const isText = (value: GraphAttribute): value is readonly string[] =>
    Array.isArray(value) && typeof value[0] === "string";
  const texts = Object.entries(attributes).flatMap(([key, value]) => (isText(value) ? [[key, value] as const] : []));
  const others = Object.entries(attributes).filter(([, value]) => !isText(value));
  const node = makeNode(
    op,
    inputs,
    outputs,
    Object.fromEntries(
      others.map(([key, value]) => [key, attributeOf(key, value as Exclude<GraphAttribute, readonly string[]>)]),
    ),
    name,
  );
  for (const [key, value] of texts) {
    const strings = value.map((text) => new TextEncoder().encode(text));
    node.attribute.push(create(AttributeProtoSchema, { name: key, type: attributeTypes.strings, strings }));
  }
  return node;
}

function attributeOf(key: string, value: Exclude<GraphAttribute, readonly string[]>): AttributeValue {
  if (isTensor(value)) return makeTensor("", value.dtype, value.shape, value.data);
  if (typeof value === "string") return value;
  return floatAttributes.has(key) ? float(value) : value;
}

function isTensor(value: GraphAttribute): value is GraphTensor {
  return typeof value === "object" && "data" in value;
}
