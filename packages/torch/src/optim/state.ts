import { types } from "node:util";
import { CtError, camelCase } from "@classifier-training/base";

/**
 * The entries of a state dictionary as an object with our names: a Map (which the unpickler returns for Python's dict)
 * becomes an object, `last_epoch` becomes `lastEpoch` and `_last_lr` becomes `lastLr`.
 */
export function plainState(state: unknown): Record<string, unknown> {
  if (typeof state !== "object" || state === null || Array.isArray(state)) {
    throw new CtError({ code: "torch/state", what: `a state dictionary is expected, not ${describe(state)}` });
  }
  const entries = types.isMap(state) ? [...state.entries()] : Object.entries(state);
  return Object.fromEntries(entries.map(([key, value]) => [camelCase(String(key).replace(/^_+/, "")), value]));
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}
