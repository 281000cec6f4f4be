import { type Container, DictConfig, isConfig, ListConfig } from "./containers.ts";
import { missingValue } from "./missing-value.ts";
import { isMissingNode, type Key, keyText, type Node, nodeValue, ObjectNode } from "./node.ts";
import { define, toPlain } from "./plain.ts";
import { isTracking, noteRead } from "./reads.ts";
import { dereference } from "./resolve.ts";

export interface ToContainerOptions {
  /** Resolve interpolations; otherwise they stay as text. */
  readonly resolve?: boolean;
  /** Throw on `???` instead of keeping the text. */
  readonly throwOnMissing?: boolean;
}

/** A mapping as `Map`, which keeps the order and the types of its keys; integral floats as `Float`. */
export type RawValue = unknown;

/** The configuration as `Map`s, arrays and scalars that keep Python's types. @see toContainer */
export function toRaw(node: Node, options: ToContainerOptions = {}): RawValue {
  if (isTracking()) noteRead(node);
  if (node instanceof ListConfig) return node.content.map((child) => rawChild(child, options));
  if (node instanceof ObjectNode) return node.value;
  if (!(node instanceof DictConfig)) return rawOf(nodeValue(node), options);
  const map = new Map<Key, RawValue>();
  for (const child of node.nodes()) map.set(child.key as Key, rawChild(child, options));
  return map;
}

/** What a resolver made may hold containers. */
function rawOf(value: unknown, options: ToContainerOptions): RawValue {
  if (isConfig(value)) return toRaw(value, options);
  if (Array.isArray(value)) return value.map((item) => rawOf(item, options));
  return value instanceof Map ? new Map([...value].map(([key, item]) => [key, rawOf(item, options)])) : value;
}

function rawChild(child: Node, options: ToContainerOptions): RawValue {
  return toRaw(settle(child, options), options);
}

export function settle(child: Node, { resolve, throwOnMissing }: ToContainerOptions): Node {
  if (isTracking()) noteRead(child);
  if (throwOnMissing && isMissingNode(child)) {
    throw missingValue(child);
  }
  return resolve ? dereference(child) : child;
}

/**
 * The configuration as plain objects, arrays and values. Other keys than strings become strings.
 * @throws InterpolationResolutionError with `resolve`, MissingMandatoryValue with `throwOnMissing`
 */
export function toContainer(config: Container, options: ToContainerOptions = {}): unknown {
  return plainNode(config, options);
}

function plainNode(node: Node, options: ToContainerOptions): unknown {
  if (node instanceof ListConfig) return node.content.map((child) => plainNode(settle(child, options), options));
  if (node instanceof ObjectNode) return node.value;
  if (!(node instanceof DictConfig)) return toPlain(rawOf(nodeValue(node), options));
  const object: Record<string, unknown> = {};
  for (const child of node.nodes()) {
    define(object, keyText(child.key as Key), plainNode(settle(child, options), options));
  }
  return object;
}

/** The value of a node to hand out: a container as itself, what a resolver made as plain values. */
export function handOut(node: Node): unknown {
  return isConfig(node) || node instanceof ObjectNode ? nodeValue(node) : toPlain(nodeValue(node));
}
