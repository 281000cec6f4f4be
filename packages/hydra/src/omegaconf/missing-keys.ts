import { type Container, isConfig } from "./containers.ts";
import { InterpolationToMissingValueError } from "./errors.ts";
import { isMissingNode, ValueNode } from "./node.ts";
import { dereference } from "./resolve.ts";

/** The full keys whose values are missing (`???`), directly or by way of an interpolation. */
export function missingKeys(config: Container): Set<string> {
  const keys = new Set<string>();
  gather(config, keys);
  return keys;
}

function gather(config: Container, keys: Set<string>): void {
  for (const node of config.nodes()) {
    if (isConfig(node)) gather(node, keys);
    else if (isMissingNode(node)) keys.add(node.fullKey());
    else if (node instanceof ValueNode && node.isInterpolation && leadsToMissing(node)) keys.add(node.fullKey());
  }
}

function leadsToMissing(node: ValueNode): boolean {
  try {
    dereference(node);
    return false;
  } catch (error) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      if (cause instanceof InterpolationToMissingValueError) return true;
    }
    return false;
  }
}
