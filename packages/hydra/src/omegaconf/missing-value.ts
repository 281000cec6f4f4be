import { MissingMandatoryValue } from "./errors.ts";
import type { Node } from "./node.ts";

/** The error for reading a `???`. */
export function missingValue(node: Node): MissingMandatoryValue {
  const fullKey = node.fullKey();
  return new MissingMandatoryValue({
    what: "a mandatory value is missing ('???')",
    fullKey,
    origin: node.origin,
    fix: `set it: ${fullKey}=...`,
  });
}
