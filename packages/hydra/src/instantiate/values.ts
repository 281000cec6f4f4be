import { type Container, DictConfig, isConfig, ListConfig } from "../omegaconf/containers.ts";
import { type Key, keyText, type Node, ObjectNode, rawValue } from "../omegaconf/node.ts";
import { define } from "../omegaconf/plain.ts";
import { settle } from "../omegaconf/to-container.ts";
import { Float } from "../yaml/scalars.ts";

/** What a target returned, or an object given from outside: never looked into. */
export class Instance {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** A mapping given from outside, in a form that is looked up by key. */
export type Overlay = ReadonlyMap<Key, unknown>;

/** A mapping, if a value is one: a plain object, a map, a `DictConfig`. */
export function overlayOf(value: unknown): Overlay | undefined {
  if (value instanceof Map) return value as Overlay;
  if (value instanceof DictConfig) return new Map([...value.nodes()].map((node) => [node.key as Key, opened(node)]));
  const prototype = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  if (prototype !== null && prototype !== Object.prototype) return undefined;
  return new Map(Object.entries(value as object));
}

function opened(node: Node): unknown {
  return node instanceof ObjectNode ? new Instance(node.value) : rawValue(settle(node, { resolve: true }));
}

/** Resolved raw values, in which the objects of a container stay apart as instances. */
export function rawTree(node: Node): unknown {
  if (node instanceof ObjectNode) return new Instance(node.value);
  if (node instanceof ListConfig) return node.content.map((child) => rawTree(settle(child, { resolve: true })));
  if (!(node instanceof DictConfig)) return rawValue(node);
  return new Map([...node.nodes()].map((child) => [child.key, rawTree(settle(child, { resolve: true }))]));
}

/** A value as a target that knows nothing of configurations takes it. */
export function presentPlain(value: unknown): unknown {
  return plain(value, true);
}

/** Plain objects, arrays and numbers, in which containers stay containers: what `instantiate` returns. */
export function presentMade(value: unknown): unknown {
  return plain(value, false);
}

function plain(value: unknown, opensContainers: boolean): unknown {
  if (value instanceof Instance || value instanceof Float) return value.value;
  if (isConfig(value)) return opensContainers ? plain(rawTree(value), true) : value;
  if (Array.isArray(value)) return value.map((item) => plain(item, opensContainers));
  if (!(value instanceof Map)) return value;
  const object: Record<string, unknown> = {};
  for (const [key, item] of value as Map<Key, unknown>) define(object, keyText(key), plain(item, opensContainers));
  return object;
}

/** A value as a target takes it that wants containers and Python's types. */
export function presentRaw(value: unknown): unknown {
  if (value instanceof Instance) return value.value;
  if (Array.isArray(value)) return value.map(presentRaw);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, presentRaw(item)]));
  return value;
}

/** Puts a value, which may hold instances, into a container under construction. */
export function attachValue(container: Container, key: Key, value: unknown): void {
  const node = nodeOf(value);
  if (container instanceof DictConfig) container.put(key, node);
  else {
    container.append(node);
  }
}

function nodeOf(value: unknown): unknown {
  if (value instanceof Instance) return new ObjectNode(value.value, undefined, undefined);
  if (Array.isArray(value)) return value.map(nodeOf);
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, nodeOf(item)]));
  return value;
}
