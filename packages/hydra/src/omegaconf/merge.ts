import { type Container, DictConfig, isConfig, ListConfig } from "./containers.ts";
import { create } from "./create.ts";
import { ConfigTypeError, ConfigValueError, InterpolationResolutionError, ReadonlyConfigError } from "./errors.ts";
import { withFlag } from "./flags.ts";
import { type Key, type Node, ValueNode } from "./node.ts";
import { withOrigin } from "./origin.ts";
import { dereference } from "./resolve.ts";

/**
 * A new configuration of the first one with the others merged into it, in order: mappings key by key, lists and values
 * replaced. `???` never replaces a value. Read-only inputs may be merged.
 * @throws ConfigTypeError for a list merged into a mapping and the reverse, ConfigAttributeError, ValidationError
 */
export function merge(...configs: readonly [unknown, ...unknown[]]): Container {
  const [first, ...rest] = configs;
  const target = create(asInput(first));
  if (isConfig(first)) target.parent = first.parent;
  if (isConfig(first)) target.key = first.key;
  for (const other of rest) mergeOne(target, other, true);
  return target;
}

/** Merges other configurations into this one. @see merge */
export function mergeWith(target: Container, ...others: readonly unknown[]): void {
  for (const other of others) mergeOne(target, other, false);
}

function asInput(value: unknown): unknown {
  if (isConfig(value) || (typeof value === "object" && value !== null)) return value;
  throw new ConfigValueError({
    what: `${value === null ? "null" : typeof value} cannot be merged: expected a configuration`,
  });
}

function mergeOne(target: Container, other: unknown, evenReadonly: boolean): void {
  const source = isConfig(other) ? other : create(asInput(other));
  const run = () => mergeInto(target, source, evenReadonly);
  if (evenReadonly && target.flag("readonly")) withFlag(target, "readonly", false, run);
  else run();
}

function mergeInto(target: Container, source: Container, evenReadonly: boolean): void {
  if (target instanceof DictConfig && source instanceof DictConfig) mergeDicts(target, source, evenReadonly);
  else if (target instanceof ListConfig && source instanceof ListConfig) mergeLists(target, source);
  else {
    throw new ConfigTypeError({
      what: `a ${kind(source)} cannot be merged into a ${kind(target)}`,
      fullKey: target.fullKey(),
      origin: source.origin,
    });
  }
}

function kind(config: Container): string {
  return config instanceof DictConfig ? "mapping" : "list";
}

function mergeDicts(target: DictConfig, source: DictConfig, evenReadonly: boolean): void {
  for (const node of source.nodes()) mergeChild(target, node.key as Key, node, evenReadonly);
  if (source.struct !== undefined) target.struct = source.struct;
  target.elementType ??= source.elementType;
  target.takeFlags(source);
}

function mergeChild(target: DictConfig, key: Key, node: Node, evenReadonly: boolean): void {
  let old = target.node(key);
  if (old instanceof ValueNode && old.isInterpolation) {
    const meant = interpolatedContainer(old);
    if (meant !== undefined) {
      target.set(key, meant);
      old = target.node(key);
    }
  }
  const isMissing = node instanceof ValueNode && node.isMissing;
  if (old === undefined) {
    withOrigin(node.origin, () => target.set(key, node));
  } else if (isConfig(old) && isConfig(node)) {
    if (evenReadonly && old.flag("readonly")) {
      const part = old;
      withFlag(part, "readonly", false, () => mergeInto(part, node, true));
    } else {
      mergeInto(old, node, evenReadonly);
    }
  } else if (isMissing) {
    keepValue(target, key, old, node);
  } else if (old instanceof ValueNode && old.type !== undefined && node instanceof ValueNode) {
    const { value } = node;
    withOrigin(node.origin, () => old.setValue(value));
  } else {
    withOrigin(node.origin, () => target.set(key, node));
  }
}

/** A `???` leaves a value as it is; but a schema's type, if it has one, is taken over. */
function keepValue(target: DictConfig, key: Key, old: Node, node: ValueNode): void {
  if (!(old instanceof ValueNode)) return;
  if (old.type !== undefined) return;
  if (node.type === undefined) {
    if (target.flag("readonly")) target.set(key, old.copy());
    return;
  }
  const typed = new ValueNode(old.value, node.type, target, key);
  typed.origin = old.origin;
  target.set(key, typed);
}

function interpolatedContainer(node: ValueNode): Container | undefined {
  try {
    const target = dereference(node);
    return isConfig(target) ? target : undefined;
  } catch (error) {
    if (error instanceof InterpolationResolutionError) return undefined;
    throw error;
  }
}

function mergeLists(target: ListConfig, source: ListConfig): void {
  if (source.size > 0 && target.flag("readonly")) {
    throw new ReadonlyConfigError({ what: "the configuration is read-only", fullKey: target.fullKey() });
  }
  const list = new ListConfig();
  list.parent = target.parent;
  list.key = target.key;
  list.elementType = target.elementType ?? source.elementType;
  for (const item of source.nodes()) list.append(item);
  target.elementType = list.elementType;
  target.content = [];
  for (const item of list.content) target.attach(item);
  target.origin = source.origin ?? target.origin;
  target.takeFlags(source);
}
