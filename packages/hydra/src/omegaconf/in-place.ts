import { type Container, DictConfig, isConfig, wrap } from "./containers.ts";
import { type Key, type Node, nodeValue, ResultNode, ValueNode } from "./node.ts";
import { dereference } from "./resolve.ts";

/** Replaces every interpolation by what it stands for, in the configuration itself. */
export function resolve(config: Container): void {
  for (const node of [...config.nodes()]) resolveChild(config, node);
}

function resolveChild(config: Container, node: Node): void {
  if (isConfig(node)) resolve(node);
  if (!(node instanceof ValueNode) || !node.isInterpolation) return;
  const target = dereference(node);
  if (isConfig(target)) resolve(target);
  const settled = isConfig(target) ? target.copy() : settledNode(target, node);
  settled.origin = node.origin;
  if (config instanceof DictConfig) config.attach(node.key as Key, settled);
  else {
    settled.parent = config;
    settled.key = node.key;
    config.content[node.key as number] = settled;
  }
}

/** A leaf whose text is taken literally, even if it looks like an interpolation. */
function settledNode(target: Node, old: ValueNode): Node {
  const value = nodeValue(target);
  const isContainer = typeof value === "object" && value !== null && (Array.isArray(value) || value instanceof Map);
  if (isContainer || target instanceof ResultNode === false) return wrap(value, old.type, old.parent, old.key);
  const node = old.copy();
  node.value = value as ValueNode["value"];
  return node;
}
