import { type Container, DictConfig, type ListConfig } from "./containers.ts";
import { missingValue } from "./missing-value.ts";
import { isMissingNode, type Key, keyText, type Node } from "./node.ts";
import { noteRead } from "./reads.ts";
import { dereference } from "./resolve.ts";
import { handOut } from "./to-container.ts";

/**
 * The value of one key or index, resolved: a container for a mapping or a list. For a key that is not there, or is
 * missing, the default.
 * @throws MissingMandatoryValue for `???` without a default, InterpolationResolutionError
 */
export function get(config: Container, key: Key | number, fallback?: unknown): unknown {
  const node = config instanceof DictConfig ? config.node(key) : config.node(Number(key));
  if (node === undefined) return fallback;
  return read(node, fallback);
}

function read(node: Node, fallback?: unknown): unknown {
  noteRead(node);
  if (isMissingNode(node)) {
    if (fallback !== undefined) return fallback;
    throw missingValue(node);
  }
  return handOut(dereference(node));
}

/** Keys and resolved values of a mapping. */
export function entries(config: DictConfig): [string, unknown][] {
  return [...config.nodes()].map((node) => [keyText(node.key as Key), read(node)]);
}

/** The resolved items of a list. */
export function items(config: ListConfig): unknown[] {
  return config.content.map((node) => read(node));
}

export function isMissing(config: Container, key: Key | number): boolean {
  const node = config instanceof DictConfig ? config.node(key) : config.node(Number(key));
  if (node === undefined) return false;
  try {
    return isMissingNode(dereference(node));
  } catch {
    return false;
  }
}
