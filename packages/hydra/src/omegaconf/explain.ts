import { type Container, DictConfig, isConfig, ListConfig } from "./containers.ts";
import type { Element, TextPart } from "./interpolation/ast.ts";
import { parseInterpolation } from "./interpolation/parse.ts";
import { splitKey } from "./keys.ts";
import { isMissingNode, type Node, nodeValue, ValueNode } from "./node.ts";
import type { Origin } from "./origin.ts";
import { childOf, rootOf } from "./paths.ts";
import { untracked } from "./reads.ts";
import { dereference, selectFrom } from "./resolve.ts";

/** Where a value comes from, and what its interpolations go through. */
export interface Explanation {
  readonly fullKey: string;
  /** The value as it is written, interpolations unresolved; a container as itself. */
  readonly value: unknown;
  /** What it resolves to; undefined when that fails. */
  readonly resolved: unknown;
  readonly error: unknown;
  readonly origin: Origin | undefined;
  /** Where the values came from that it replaced, oldest first. */
  readonly replaced: readonly Origin[];
  /** The values that its interpolations name, in order. */
  readonly uses: readonly Explanation[];
}

/** Says where the value at a key path comes from; undefined if there is none. It resolves nothing along the path. */
export function explain(config: Container, path: string): Explanation | undefined {
  return untracked(() => {
    const parts = splitKey(path);
    let node: Node = config;
    for (const part of parts) {
      if (!isConfig(node)) return undefined;
      const child: Node | undefined = childOf(node, part, { throwOnMissing: false, throwOnFailure: false });
      if (child === undefined) return undefined;
      node = child;
    }
    return explainNode(node, new Set());
  });
}

function explainNode(node: Node, seen: Set<Node>): Explanation {
  seen.add(node);
  let resolved: unknown;
  let error: unknown;
  try {
    resolved = nodeValue(dereference(node));
  } catch (caught) {
    error = caught;
  }
  const { origin, replaced = [] } = node;
  const uses = [...referencesOf(node)].filter((used) => !seen.has(used)).map((used) => explainNode(used, seen));
  return { fullKey: node.fullKey(), value: nodeValue(node), resolved, error, origin, replaced, uses };
}

function* referencesOf(node: Node): Generator<Node> {
  if (!(node instanceof ValueNode) || !node.isInterpolation || !isConfig(node.parent)) return;
  for (const path of pathsOf(parseInterpolation(String(node.value)))) {
    try {
      const { root, rest } = rootOf(node.parent, path);
      const parts = splitKey(rest);
      const last = parts.pop() as string;
      const holder = parts.length === 0 ? root : selectFrom(root, parts.join("."), strict);
      const found = isConfig(holder) ? childOf(holder, last, strict) : undefined;
      if (found !== undefined) yield found;
    } catch {
      // What cannot be reached is reported as the error of the value itself.
    }
  }
}

const strict = { throwOnMissing: false, throwOnFailure: true };

/** The paths of the node interpolations in a text that hold no further interpolation. */
function* pathsOf(parts: readonly TextPart[]): Generator<string> {
  for (const part of parts) {
    if (typeof part === "string") continue;
    if (part.kind === "node") {
      if (part.parts.every((piece) => typeof piece === "string")) yield part.parts.join("");
      else yield* pathsOf(part.parts);
    } else {
      yield* pathsOf(part.name);
      for (const { element } of part.args) yield* pathsOfElement(element);
    }
  }
}

function* pathsOfElement(element: Element): Generator<string> {
  if (element.kind === "text") yield* pathsOf(element.parts);
  if (element.kind === "list") for (const item of element.items) yield* pathsOfElement(item);
  if (element.kind === "dict") for (const { value } of element.entries) yield* pathsOfElement(value);
}

/** All leaves of a configuration. */
export function* leavesOf(config: Container): Generator<Node> {
  for (const node of config.nodes()) {
    if (node instanceof DictConfig || node instanceof ListConfig) yield* leavesOf(node);
    else yield node;
  }
}

/** The leaves that nothing read, of the keys that a tracker noted. Missing values do not count. */
export function unusedLeaves(config: Container, read: ReadonlySet<string>): Node[] {
  return [...leavesOf(config)].filter((node) => !isMissingNode(node) && !read.has(node.fullKey()));
}
