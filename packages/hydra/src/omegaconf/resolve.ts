import { CtError, didYouMean, nearestName, suggestion } from "@classifier-training/base";
import { keyIdentity } from "../yaml/load.ts";
import type { Scalar } from "../yaml/scalars.ts";
import { type Container, DictConfig, isConfig } from "./containers.ts";
import {
  ConfigKeyError,
  ConfigTypeError,
  GrammarParseError,
  InterpolationKeyError,
  InterpolationResolutionError,
  InterpolationToMissingValueError,
  InterpolationValidationError,
  MissingMandatoryValue,
  UnsupportedInterpolationType,
  ValidationError,
} from "./errors.ts";
import type { Element, Interpolation, ResolverCall, TextPart } from "./interpolation/ast.ts";
import { parseInterpolation } from "./interpolation/parse.ts";
import { splitKey } from "./keys.ts";
import { keyText, Node, nodeValue, ResultNode, rawValue, ValueNode } from "./node.ts";
import { childOf, type Memo, rootOf, type SelectFlags } from "./paths.ts";
import { toPlain } from "./plain.ts";
import { pythonStr } from "./python-text.ts";
import { noteRead } from "./reads.ts";
import { findResolver, type ResolverContext, resolverNames } from "./resolver-table.ts";

const deepest = 150;
let depth = 0;

/** The node that a node stands for once its interpolation is resolved. @throws InterpolationResolutionError */
export function dereference(node: Node, memo?: Memo): Node {
  if (!(node instanceof ValueNode) || !node.isInterpolation) return node;
  const { parent } = node;
  if (!isConfig(parent)) {
    throw new InterpolationResolutionError({ what: "an interpolation cannot be resolved outside of a configuration" });
  }
  if (depth >= deepest) throw recursion(node);
  const parts = parsed(node);
  depth++;
  try {
    return new Evaluation(parent, node, memo ?? new Set()).result(parts);
  } catch (error) {
    if (error instanceof InterpolationResolutionError && error.fullKey !== undefined) throw error;
    if (error instanceof RangeError) throw recursion(node);
    throw wrapped(error, node);
  } finally {
    depth--;
  }
}

function parsed(node: ValueNode): readonly TextPart[] {
  const text = String(node.value);
  try {
    return parseInterpolation(text);
  } catch (error) {
    if (!(error instanceof GrammarParseError)) throw error;
    const { origin } = node;
    throw new GrammarParseError({ what: error.problem.what, fullKey: node.fullKey(), origin, column: error.column });
  }
}

function recursion(node: Node): InterpolationResolutionError {
  return new InterpolationResolutionError({
    what: `the interpolation '${String(nodeValue(node))}' leads back to itself`,
    fullKey: node.fullKey(),
    origin: node.origin,
  });
}

/** The error with the key and the place of the interpolation that failed. */
function wrapped(error: unknown, node: Node): InterpolationResolutionError {
  const known = CtError.is(error) ? error.problem : undefined;
  const what = known?.what ?? (error instanceof Error ? error.message : String(error));
  const place = known?.where === undefined ? "" : ` (${known.where})`;
  const Kind = error instanceof InterpolationResolutionError ? error.constructor : InterpolationResolutionError;
  return new (Kind as typeof InterpolationResolutionError)({
    what: `cannot resolve '${String(nodeValue(node))}': ${what}${place}`,
    fullKey: node.fullKey(),
    origin: node.origin,
    fix: known?.fix,
    cause: error,
  });
}

/** Resolves the interpolations of one text; relative keys start at `parent`. */
export class Evaluation {
  private readonly parent: Container;
  private readonly node: Node;
  private readonly memo: Memo;

  constructor(parent: Container, node: Node, memo: Memo) {
    this.parent = parent;
    this.node = node;
    this.memo = memo;
  }

  result(parts: readonly TextPart[]): Node {
    const node = this.node as ValueNode;
    const found = this.text(parts, false);
    const { type } = node;
    if (type !== undefined) {
      const value = found instanceof Node ? nodeValue(found) : found;
      if (isConfig(value) || (typeof value === "object" && value !== null && !isScalarObject(value))) {
        if (type.accepts === "scalar") throw this.mistyped(value, type.name);
      } else {
        try {
          const converted = type.convert(value as Scalar, node);
          if (converted !== value) return new ResultNode(converted, this.parent, node.key);
        } catch (error) {
          if (error instanceof ValidationError) throw this.mistyped(value, type.name);
          throw error;
        }
      }
    }
    return found instanceof Node ? found : new ResultNode(found, this.parent, node.key);
  }

  private mistyped(value: unknown, type: string): InterpolationValidationError {
    return new InterpolationValidationError({ what: `expected ${type}, received ${pythonStr(value)}` });
  }

  text(parts: readonly TextPart[], quoted: boolean): unknown {
    const [only] = parts;
    if (parts.length === 1 && only !== undefined && typeof only !== "string") {
      const value = this.interpolation(only);
      return quoted ? pythonStr(value) : value;
    }
    return parts.map((part) => (typeof part === "string" ? part : pythonStr(this.interpolation(part)))).join("");
  }

  element(element: Element): unknown {
    switch (element.kind) {
      case "value":
        return element.value;
      case "text":
        return rawValue(this.text(element.parts, element.quoted));
      case "list":
        return element.items.map((item) => this.element(item));
      default:
        return this.dict(element.entries);
    }
  }

  private dict(entries: readonly { key: Element; value: Element }[]): Map<unknown, unknown> {
    const byIdentity = new Map<unknown, [unknown, unknown]>();
    for (const { key, value } of entries) {
      const name = this.element(key);
      const id = keyIdentity(name as Scalar);
      byIdentity.set(id, [byIdentity.get(id)?.[0] ?? name, this.element(value)]);
    }
    return new Map(byIdentity.values());
  }

  private interpolation(interpolation: Interpolation): unknown {
    if (interpolation.kind === "resolver") return this.call(interpolation);
    return this.reference(interpolation.parts.map((part) => this.name(part, "key")).join(""));
  }

  private name(part: TextPart, use: string): string {
    if (typeof part === "string") return part;
    const value = rawValue(this.interpolation(part));
    if (typeof value === "string") return value;
    throw new InterpolationResolutionError({
      what: `'${part.source}' stands for a ${use}: expected a string, received ${pythonStr(value)}`,
    });
  }

  private reference(path: string): Node {
    let start: { root: Container; rest: string };
    try {
      start = rootOf(this.parent, path);
    } catch (error) {
      if (error instanceof ConfigKeyError) throw new InterpolationKeyError({ what: error.problem.what });
      throw error;
    }
    const { root, rest } = start;
    const target = this.target(root, rest);
    if (target === undefined) {
      const from = rest === path || root.parent === undefined ? "" : `, looked up in '${root.fullKey()}'`;
      throw new InterpolationKeyError({ what: `the key '${path}' is not there${from}`, fix: nearestPath(root, rest) });
    }
    for (let node: Node | undefined = this.parent; node !== undefined; node = node.parent) {
      if (node === target) throw new InterpolationResolutionError({ what: `'${path}' holds this very interpolation` });
    }
    return target;
  }

  private target(root: Container, path: string): Node | undefined {
    try {
      return selectFrom(root, path, { throwOnMissing: true, throwOnFailure: true, memo: this.memo });
    } catch (error) {
      if (error instanceof MissingMandatoryValue) {
        throw new InterpolationToMissingValueError({ what: `the value of '${path}' is missing ('???')`, cause: error });
      }
      throw error;
    }
  }

  private call(call: ResolverCall): unknown {
    const name = call.name.map((part) => this.name(part, "resolver")).join("");
    const args = call.args.map(({ element }) => this.element(element));
    const resolver = findResolver(name);
    if (resolver === undefined) {
      throw new UnsupportedInterpolationType({
        what: `there is no resolver '${name}'`,
        fix: suggestion(name, resolverNames()),
      });
    }
    const root = this.parent.root as Container;
    const context: ResolverContext = { root, parent: this.parent, node: this.node };
    const run = () => resolver.call(resolver.raw ? args : args.map(toPlain), context);
    if (!resolver.useCache) return run();
    root.cache ??= new Map();
    const results = root.cache.get(name) ?? new Map<string, unknown>();
    root.cache.set(name, results);
    const key = JSON.stringify(call.args.map(({ source }) => source));
    if (!results.has(key)) results.set(key, run());
    return results.get(key);
  }
}

/** `did you mean 'a.b'?` for a path of which a part is not there. */
function nearestPath(root: Container, path: string): string | undefined {
  const parts = splitKey(path);
  let at: Node | undefined = root;
  for (const [index, part] of parts.entries()) {
    if (!(at instanceof DictConfig)) return undefined;
    if (!at.has(part)) {
      const near = nearestName(part, [...at.keys()].map(keyText));
      return near && didYouMean([...parts.slice(0, index), near, ...parts.slice(index + 1)].join("."));
    }
    at = at.node(part);
  }
  return undefined;
}

function isScalarObject(value: object): boolean {
  return !Array.isArray(value) && !(value instanceof Map) && Object.getPrototypeOf(value) !== Object.prototype;
}

/** The node at a path below `container`, resolved; undefined if it is not there. */
export function selectFrom(container: Container, path: string, flags: SelectFlags): Node | undefined {
  if (path === "") return container;
  const parts = splitKey(path);
  let at: Container = container;
  for (let i = 0; i < parts.length - 1; i++) {
    const child = childOf(at, parts[i] as string, flags);
    if (child !== undefined) noteRead(child);
    const found = child && tryDereference(child, flags);
    if (found === undefined) return undefined;
    const value = found instanceof ResultNode ? found.value : found;
    if (!isConfig(value)) {
      throw new ConfigTypeError({
        what: `'${parts.slice(0, i + 1).join(".")}' is not a container and thus cannot contain '${parts[i + 1]}'`,
        fullKey: found.fullKey(),
        origin: found.origin,
      });
    }
    at = value;
  }
  const child = childOf(at, parts[parts.length - 1] as string, flags);
  if (child === undefined) return undefined;
  noteRead(child);
  const { memo } = flags;
  if (memo === undefined) return tryDereference(child, flags);
  if (memo.has(child)) throw recursion(child);
  memo.add(child);
  try {
    return tryDereference(child, flags);
  } finally {
    memo.delete(child);
  }
}

function tryDereference(node: Node, flags: SelectFlags): Node | undefined {
  if (flags.throwOnFailure) return dereference(node, flags.memo);
  try {
    return dereference(node, flags.memo);
  } catch (error) {
    if (error instanceof InterpolationResolutionError) return undefined;
    throw error;
  }
}
