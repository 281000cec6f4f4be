import type { Target } from "@classifier-training/base";
import { isMissing } from "../omegaconf/access.ts";
import { DictConfig, isConfig, ListConfig, wrap } from "../omegaconf/containers.ts";
import { ConfigTypeError } from "../omegaconf/errors.ts";
import { merge } from "../omegaconf/merge.ts";
import { missingValue } from "../omegaconf/missing-value.ts";
import { isMissingNode, type Key, keyText, type Node, ObjectNode, rawValue } from "../omegaconf/node.ts";
import { pythonStr } from "../omegaconf/python-text.ts";
import { noteRead } from "../omegaconf/reads.ts";
import { dereference } from "../omegaconf/resolve.ts";
import { callTarget } from "./call.ts";
import { InstantiationError } from "./errors.ts";
import { checkOverride, mergeBase, withOverrides } from "./overrides.ts";
import { resolveTarget } from "./resolve-target.ts";
import { attachValue, Instance, type Overlay, overlayOf, presentMade, rawTree } from "./values.ts";

/** Keys that control instantiation, not arguments. */
const controls = new Set<Key>(["_target_", "_convert_", "_recursive_", "_partial_"]);

interface Modes {
  readonly convert: unknown;
  readonly recursive: unknown;
  readonly partial: unknown;
}

const defaults: Modes = { convert: "none", recursive: true, partial: false };

/**
 * Makes the object that a configuration describes: calls its `_target_` with the other keys as keyword arguments, after
 * making what is nested in it. A configuration without `_target_` gives the mapping or list with its parts made.
 *
 * `overrides` are keyword arguments that replace those of the configuration (`_target_`, `_partial_` and the like among
 * them); a mapping is merged into one that has a `_target_` and replaces any other. `args` are positional arguments.
 * `_convert_: all | partial | object` gives plain values, `none` (the default) gives containers where a target takes
 * them. `_recursive_: false` leaves nested parts as they are; `_partial_: true` gives a function to call later.
 * @throws InstantiationError, with the full key of the part that failed
 */
export async function instantiate(
  config: unknown,
  overrides: Readonly<Record<string, unknown>> = {},
  ...args: readonly unknown[]
): Promise<unknown> {
  if (config === null || config === undefined) return null;
  for (const [index, value] of args.entries()) checkOverride(value, ["_args_", index]);
  for (const [key, value] of Object.entries(overrides)) checkOverride(value, [key]);
  const node = isConfig(config) ? config : wrap(config, undefined, undefined, undefined, true);
  const given = overlayOf(overrides) as Overlay;
  if (node instanceof DictConfig) {
    const seen = args.length > 0 ? new Map([...given, ["_args_", args] as const]) : given;
    const effective = seen.size > 0 ? withOverrides(node, seen) : node;
    return presentMade(await make(effective, defaults, given, true, args));
  }
  if (node instanceof ListConfig) {
    const { _recursive_: recursive = true, _convert_: convert = "none", _partial_: partial = false } = overrides;
    if (partial) throw new InstantiationError({ what: "_partial_ cannot be given for a list" });
    return presentMade(await make(node, { recursive, convert, partial }, undefined, true, args));
  }
  throw new InstantiationError({ what: `cannot instantiate ${pythonStr(config)}: expected a mapping or a list` });
}

/** What a node becomes; anything but a container is a value already. */
async function make(
  value: unknown,
  inherited: Modes,
  overrides?: Overlay,
  isRoot = false,
  args: readonly unknown[] = [],
): Promise<unknown> {
  if (value instanceof ListConfig) return makeList(value, checked(inherited, value));
  if (!(value instanceof DictConfig)) return value;
  const modes = checked(
    {
      convert: control(value, overrides, "_convert_", inherited.convert),
      recursive: control(value, overrides, "_recursive_", inherited.recursive),
      partial: control(value, overrides, "_partial_", isRoot ? inherited.partial : false),
    },
    value,
  );
  if (value.has("_target_whitelist_")) {
    throw new InstantiationError({ what: "_target_whitelist_ cannot be configured", fullKey: value.fullKey() });
  }
  const hasTarget = overrides?.has("_target_") || isSet(value, "_target_");
  return hasTarget ? makeCall(value, modes, overrides, args) : makeDict(value, modes, overrides, isRoot);
}

function isSet(config: DictConfig, key: Key): boolean {
  const node = config.node(key);
  if (node === undefined) return false;
  if (!isMissingNode(node)) return true;
  throw missingValue(node);
}

function control(config: DictConfig, overrides: Overlay | undefined, key: string, inherited: unknown): unknown {
  if (overrides?.has(key)) return overrides.get(key);
  const node = config.node(key);
  if (node === undefined || isMissingNode(node)) return inherited;
  noteRead(node);
  return rawValue(dereference(node));
}

function checked(modes: Modes, at: Node): Modes {
  for (const [name, flag] of [
    ["_recursive_", modes.recursive],
    ["_partial_", modes.partial],
  ] as const) {
    if (typeof flag === "boolean") continue;
    throw new ConfigTypeError({
      what: `${name}: expected true or false, received ${pythonStr(flag)}`,
      fullKey: at.fullKey(),
      origin: at.origin,
    });
  }
  return modes;
}

const isNative = (convert: unknown) => convert === "all" || convert === "partial" || convert === "object";

async function makeList(list: ListConfig, modes: Modes): Promise<unknown> {
  const items: unknown[] = [];
  for (const node of list.nodes()) items.push(await make(settled(node), modes));
  return sequence(items, modes, list);
}

function sequence(items: readonly unknown[], modes: Modes, parent?: Node): unknown {
  if (isNative(modes.convert)) return items;
  const made = new ListConfig();
  for (const [index, item] of items.entries()) attachValue(made, index, item);
  made.parent = parent;
  return made;
}

/** The resolved value of a node. */
function settled(node: Node): unknown {
  noteRead(node);
  const found = dereference(node);
  if (isMissingNode(node) || (found !== node && isMissingNode(found))) {
    throw missingValue(node);
  }
  return found instanceof ObjectNode ? new Instance(found.value) : rawValue(found);
}

function keysOf(config: DictConfig, overrides: Overlay | undefined): Key[] {
  const own = [...config.keys()];
  return overrides === undefined ? own : [...own, ...[...overrides.keys()].filter((key) => !config.has(key))];
}

async function makeCall(
  config: DictConfig,
  modes: Modes,
  overrides: Overlay | undefined,
  args: readonly unknown[],
): Promise<unknown> {
  const node = config.node("_target_");
  const named = overrides?.has("_target_") ? overrides.get("_target_") : settled(node as Node);
  const name = named instanceof Instance ? named.value : named;
  const target: Target = await resolveTarget(name, config, node?.origin);
  const kwargs = new Map<Key, unknown>();
  for (const key of keysOf(config, overrides)) {
    if (controls.has(key) || (modes.partial && isMissing(config, key) && !overrides?.has(key))) continue;
    const value = await makeValue(config, key, modes, overrides, true);
    kwargs.set(key, isNative(modes.convert) && isConfig(value) ? rawTree(value) : value);
  }
  return new Instance(await callTarget(target, String(name), args, kwargs, modes.partial === true, config));
}

async function makeDict(
  config: DictConfig,
  modes: Modes,
  overrides: Overlay | undefined,
  isRoot: boolean,
): Promise<unknown> {
  const native = new Map<Key, unknown>();
  const made = new DictConfig();
  for (const key of keysOf(config, overrides)) {
    if (isRoot && controls.has(key)) continue;
    const value = await makeValue(config, key, modes, overrides, false);
    if (isNative(modes.convert)) native.set(key, value);
    else attachValue(made, key, value);
  }
  if (isNative(modes.convert)) return native;
  made.parent = config;
  return made;
}

async function makeValue(
  config: DictConfig,
  key: Key,
  modes: Modes,
  overrides: Overlay | undefined,
  forTarget: boolean,
): Promise<unknown> {
  const inner = { ...modes, partial: false };
  if (overrides?.has(key)) {
    const value = overrides.get(key);
    const mapping = overlayOf(value);
    const base = mapping === undefined ? undefined : mergeBase(config, key, forTarget);
    if (base === undefined) return makeOverride(value, inner);
    const merged = merge(base, mapping);
    return modes.recursive ? make(merged, inner) : merged;
  }
  const node = config.node(key);
  if (node === undefined)
    throw new InstantiationError({ what: `no key ${keyText(key)}`, fullKey: config.fullKey(key) });
  const value = settled(node);
  return modes.recursive ? make(value, inner) : value;
}

async function makeOverride(value: unknown, modes: Modes): Promise<unknown> {
  if (!modes.recursive) return outside(value);
  const mapping = overlayOf(value);
  if (mapping !== undefined) return make(new DictConfig(), modes, mapping);
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) items.push(await makeOverride(item, modes));
    return sequence(items, modes);
  }
  return isConfig(value) ? make(value, modes) : outside(value);
}

/** A value given from outside: only plain data is looked into. */
function outside(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(outside);
  const mapping = isConfig(value) ? undefined : overlayOf(value);
  if (mapping !== undefined) return new Map([...mapping].map(([key, item]) => [key, outside(item)]));
  const isObject = typeof value === "function" || (typeof value === "object" && value !== null);
  return isObject && !isConfig(value) ? new Instance(value) : value;
}
