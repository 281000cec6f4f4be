import { loadYaml } from "../yaml/load.ts";
import { type Container, DictConfig, isConfig } from "./containers.ts";
import { fromLoaded } from "./create.ts";
import {
  ConfigKeyError,
  ConfigTypeError,
  InterpolationKeyError,
  InterpolationResolutionError,
  InterpolationToMissingValueError,
  MissingMandatoryValue,
} from "./errors.ts";
import { withFlag } from "./flags.ts";
import type { TextPart } from "./interpolation/ast.ts";
import { parseInterpolation } from "./interpolation/parse.ts";
import { findEquals, listIndex, splitKey } from "./keys.ts";
import { mergeWith } from "./merge.ts";
import { type Key, type Node, ValueNode } from "./node.ts";
import { type Origin, withOrigin } from "./origin.ts";
import { childOf, rootOf } from "./paths.ts";

export interface UpdateOptions {
  /** Merge a mapping or list into what is there (the default) instead of replacing it. */
  readonly merge?: boolean;
  /** Add the whole path even in a struct. */
  readonly forceAdd?: boolean;
  /** Where the value comes from. */
  readonly origin?: Origin;
}

/**
 * Sets the value at a key path. A scalar on the path is replaced by a mapping; an
 * interpolation that names a container is followed.
 */
export function update(config: Container, path: string, value: unknown, options: UpdateOptions = {}): void {
  withOrigin(options.origin, () => setAt(config, path, value, options));
}

function setAt(
  config: Container,
  path: string,
  value: unknown,
  { merge = true, forceAdd = false }: UpdateOptions,
): void {
  const parts = splitKey(path);
  const last = parts.pop() as string;
  let at = config;
  for (const part of parts) at = descend(at, part, forceAdd);
  const key: Key = at instanceof DictConfig ? last : listIndex(last, at.fullKey());
  const assign = () => {
    if (merge && isContainerInput(value)) {
      if (at instanceof DictConfig) at.mustAllow(key);
      const old = at instanceof DictConfig ? at.node(key) : at.node(key as number);
      if (isConfig(old)) {
        mergeWith(old, value);
        return;
      }
    }
    setChild(at, key, value);
  };
  if (forceAdd) withFlag(at, "struct", false, assign);
  else assign();
}

function isContainerInput(value: unknown): boolean {
  if (isConfig(value) || Array.isArray(value) || value instanceof Map) return true;
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function setChild(at: Container, key: Key, value: unknown): void {
  if (at instanceof DictConfig) at.set(key, value);
  else at.set(key as number, value);
}

function descend(at: Container, part: string, forceAdd: boolean): Container {
  const child = childOf(at, part, { throwOnMissing: false, throwOnFailure: true });
  const next = child instanceof ValueNode && child.isInterpolation ? followed(child) : child;
  if (isConfig(next)) return next;
  const key: Key = at instanceof DictConfig ? part : listIndex(part, at.fullKey());
  const fill = () => setChild(at, key, new DictConfig());
  if (forceAdd) withFlag(at, "struct", false, fill);
  else fill();
  const made = at instanceof DictConfig ? at.node(key) : at.node(key as number);
  if (isConfig(made)) return made;
  throw new ConfigTypeError({ what: `'${part}' cannot hold keys`, fullKey: at.fullKey(key) });
}

/** What an interpolation names; itself where that is not there, as it was before interpolations were followed here. */
function followed(node: ValueNode): Node {
  try {
    return follow(node, new Set()) ?? node;
  } catch (error) {
    if (error instanceof InterpolationResolutionError) return node;
    throw error;
  }
}

/** The node that an interpolation of nodes alone names; undefined where a resolver or other text is involved. */
function follow(node: ValueNode, memo: Set<Node>): Node | undefined {
  if (memo.has(node)) throw failure("the interpolation leads back to itself", node);
  memo.add(node);
  const [only, ...others] = parseInterpolation(String(node.value));
  if (only === undefined || others.length > 0 || typeof only === "string" || only.kind !== "node") return undefined;
  const path = only.parts.map((part) => keyPart(part, node, memo)).join("");
  let start: { root: Container; rest: string };
  try {
    start = rootOf(node.parent as Container, path);
  } catch (error) {
    if (error instanceof ConfigKeyError)
      throw new InterpolationKeyError({ what: error.problem.what, fullKey: node.fullKey() });
    throw error;
  }
  let found: Node = start.root;
  for (const part of splitKey(start.rest)) {
    if (!isConfig(found)) throw failure(`'${path}' leads through a value that holds no keys`, node);
    const child: Node | undefined = step(found, part, node, path);
    const next = child instanceof ValueNode && child.isInterpolation ? follow(child, memo) : child;
    if (next === undefined) return undefined;
    found = next;
  }
  for (let above: Node | undefined = node.parent; above !== undefined; above = above.parent) {
    if (above === found) throw failure(`'${path}' holds this very interpolation`, node);
  }
  memo.delete(node);
  return found;
}

function keyPart(part: TextPart, node: ValueNode, memo: Set<Node>): string {
  if (typeof part === "string") return part;
  const inner = new ValueNode(part.source, undefined, node.parent, node.key);
  const found = follow(inner, memo);
  if (found instanceof ValueNode && typeof found.value === "string") return found.value;
  throw failure(`'${part.source}' stands for a key: expected a string`, node);
}

function step(at: Container, part: string, node: Node, path: string): Node {
  let child: Node | undefined;
  try {
    child = childOf(at, part, { throwOnMissing: true, throwOnFailure: true });
  } catch (error) {
    if (!(error instanceof MissingMandatoryValue)) throw failure(String(error), node);
    throw new InterpolationToMissingValueError({ what: error.problem.what, fullKey: node.fullKey() });
  }
  if (child !== undefined) return child;
  throw new InterpolationKeyError({
    what: `the key '${path}' is not there`,
    fullKey: node.fullKey(),
    origin: node.origin,
  });
}

function failure(what: string, node: Node): InterpolationResolutionError {
  return new InterpolationResolutionError({ what, fullKey: node.fullKey(), origin: node.origin });
}

/** A configuration of `key=value` texts; values are YAML, a key alone is null. */
export function fromDotlist(list: readonly string[]): DictConfig {
  const config = new DictConfig();
  mergeWithDotlist(config, list);
  return config;
}

/** Sets the `key=value` pairs in a configuration. @see fromDotlist */
export function mergeWithDotlist(config: Container, list: readonly string[]): void {
  for (const item of list) {
    if (typeof item !== "string")
      throw new ConfigTypeError({ what: `a dotlist is of strings, but has ${String(item)}` });
    const equals = findEquals(item);
    const path = equals === -1 ? item : item.slice(0, equals);
    const loaded = equals === -1 ? undefined : loadYaml(item.slice(equals + 1));
    const node = loaded === undefined ? undefined : fromLoaded(loaded);
    const value = node instanceof ValueNode ? node.value : node;
    update(config, path, value ?? null, { origin: { kind: "override", source: item } });
  }
}
