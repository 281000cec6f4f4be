import { type Container, DictConfig, isConfig, ListConfig } from "../omegaconf/containers.ts";
import { InterpolationResolutionError } from "../omegaconf/errors.ts";
import { merge } from "../omegaconf/merge.ts";
import { type Key, keyText, Node, ObjectNode, rawValue, ValueNode } from "../omegaconf/node.ts";
import { dereference } from "../omegaconf/resolve.ts";
import { InstantiationError } from "./errors.ts";
import { Instance, type Overlay, overlayOf } from "./values.ts";

/** @throws InstantiationError for `???` and interpolations: what is given from code must be values */
export function checkOverride(value: unknown, path: readonly (string | number)[]): void {
  const text = value instanceof ValueNode ? value.value : value;
  if (typeof text === "string") {
    if (text === "???" || text.includes("${")) {
      const kind = text === "???" ? "a missing value ('???')" : "an interpolation";
      throw new InstantiationError({
        what: `the override '${path.join(".")}' cannot be ${kind}`,
        fix: "pass the value itself",
      });
    }
    return;
  }
  if (isConfig(value)) return;
  if (Array.isArray(value)) value.forEach((item, index) => void checkOverride(item, [...path, index]));
  else for (const [key, item] of overlayOf(value) ?? []) checkOverride(item, [...path, keyText(key)]);
}

/**
 * The configured mapping that a mapping given from outside is merged into; undefined where it replaces what is
 * configured: a plain mapping that is a parameter of a target is replaced, one with a `_target_` or a schema is merged.
 */
export function mergeBase(config: DictConfig, key: Key, forTarget: boolean): DictConfig | undefined {
  let value: unknown = config.node(key);
  if (forTarget && value instanceof ValueNode && value.isInterpolation) {
    try {
      value = rawValue(dereference(value));
    } catch (error) {
      if (error instanceof InterpolationResolutionError) return undefined;
      throw error;
    }
  }
  if (!(value instanceof DictConfig)) return undefined;
  return !forTarget || value.struct !== undefined || value.has("_target_") ? value : undefined;
}

/** A copy of the whole tree around `config` in which interpolations see the values given from outside. */
export function withOverrides(config: DictConfig, overrides: Overlay): DictConfig {
  const path: Key[] = [];
  let root: Container = config;
  while (isConfig(root.parent)) {
    if (root.key !== undefined) path.unshift(root.key);
    root = root.parent;
  }
  let copy: Node | undefined = root.copy();
  for (const key of path) copy = copy instanceof DictConfig ? copy.node(key) : (copy as ListConfig).node(Number(key));
  if (!(copy instanceof DictConfig)) return config;
  apply(copy, overrides, overrides.has("_target_") || copy.has("_target_"));
  return copy;
}

function apply(config: DictConfig, overrides: Overlay, forTarget: boolean): void {
  const configured = new Map([...overrides.keys()].map((key) => [key, config.node(key)]));
  for (const [key, value] of overrides) config.attach(key, overrideNode(value));
  const mappings = [...overrides.keys()].filter((key) => configured.get(key) && overlayOf(overrides.get(key)));
  // One pass a mapping: each lets another level of interpolation see the effective values.
  for (const _ of mappings) {
    for (const key of mappings) {
      const current = config.node(key) as Node;
      config.attach(key, configured.get(key) as Node);
      const base = mergeBase(config, key, forTarget);
      config.attach(key, base === undefined ? current : merge(base, overrideNode(overrides.get(key))));
    }
  }
}

function overrideNode(value: unknown): Node {
  const mapping = overlayOf(value);
  if (mapping !== undefined) {
    const dict = new DictConfig();
    for (const [key, item] of mapping) dict.attach(key, overrideNode(item));
    return dict;
  }
  const items = Array.isArray(value) ? value : value instanceof ListConfig ? value.content : undefined;
  if (items !== undefined) {
    const list = new ListConfig();
    for (const item of items) list.attach(overrideNode(item));
    return list;
  }
  if (value instanceof Node) return value.copy();
  return new ObjectNode(value instanceof Instance ? value.value : value, undefined, undefined);
}
