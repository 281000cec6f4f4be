import { type Container, type DictConfig, isConfig, wrap } from "../omegaconf/containers.ts";
import { create } from "../omegaconf/create.ts";
import type { FieldType } from "../omegaconf/node.ts";
import { withOrigin } from "../omegaconf/origin.ts";
import { isZodSchema, zodDefaults, zodObjectType } from "./zod-type.ts";

/** Data with a type of the configuration layer; what Hydra's own configuration is stored as. */
export class TypedNode {
  readonly type: FieldType;
  readonly value: unknown;

  constructor(type: FieldType, value: unknown) {
    this.type = type;
    this.value = value;
  }
}

/** A fresh configuration of what was stored under a name. */
export function createStored(name: string, node: unknown): Container {
  if (isZodSchema(node)) {
    const type = zodObjectType(node, name);
    return withOrigin({ kind: "schema", source: name }, () => wrap(zodDefaults(node), type)) as DictConfig;
  }
  const origin = { kind: "code", source: name } as const;
  if (node instanceof TypedNode) return withOrigin(origin, () => wrap(node.value, node.type)) as DictConfig;
  return withOrigin(origin, () => (isConfig(node) ? create(node) : create(node ?? {})));
}
