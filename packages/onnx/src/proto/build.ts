import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { DType } from "@classifier-training/torch";
import {
  type AttributeProto,
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "./onnx.generated.ts";
import { attributeTypes, tensorTypes } from "./types.ts";

/** An attribute's value: integers are ONNX ints; write `float(2)` where the operator wants a float. */
export type AttributeValue = number | FloatValue | string | readonly number[] | TensorProto;

export interface FloatValue {
  readonly float: number | readonly number[];
}

/** Marks a number, or numbers, as ONNX floats. */
export function float(value: number | readonly number[]): FloatValue {
  return { float: value };
}

function makeAttribute(name: string, value: AttributeValue): AttributeProto {
  const make = (fields: MessageInitShape<typeof AttributeProtoSchema>) =>
    create(AttributeProtoSchema, { name, ...fields });
  if (typeof value === "number") return make({ type: attributeTypes.int, i: BigInt(value) });
  if (typeof value === "string") return make({ type: attributeTypes.string, s: new TextEncoder().encode(value) });
  if (Array.isArray(value)) return make({ type: attributeTypes.ints, ints: value.map(BigInt) });
  if ("float" in value) {
    const { float } = value;
    if (typeof float === "number") return make({ type: attributeTypes.float, f: float });
    return make({ type: attributeTypes.floats, floats: [...float] });
  }
  return make({ type: attributeTypes.tensor, t: value as TensorProto });
}

export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

export function makeNode(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Attributes = {},
  name = "",
): NodeProto {
  const attribute = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [makeAttribute(key, value)],
  );
  return create(NodeProtoSchema, { opType, input: [...input], output: [...output], name, attribute });
}

/** @param data The elements, little-endian, in row-major order. */
export function makeTensor(name: string, dtype: DType, dims: readonly number[], data: Uint8Array): TensorProto {
  return create(TensorProtoSchema, { name, dataType: tensorTypes[dtype], dims: dims.map(BigInt), rawData: data });
}

/** @param shape A dimension is a size, or the name of one that the caller chooses at run time. */
export function makeValueInfo(name: string, dtype: DType, shape: readonly (number | string)[]): ValueInfoProto {
  const dim = shape.map((size) => ({
    value:
      typeof size === "number"
        ? ({ case: "dimValue", value: BigInt(size) } as const)
        : ({ case: "dimParam", value: size } as const),
  }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: "tensorType", value: { elemType: tensorTypes[dtype], shape: { dim } } } },
  });
}
