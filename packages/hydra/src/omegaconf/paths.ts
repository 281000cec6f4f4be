import { type Container, ListConfig } from "./containers.ts";
import { ConfigKeyError } from "./errors.ts";
import { listIndex, parsePythonInt } from "./keys.ts";
import { missingValue } from "./missing-value.ts";
import { isMissingNode, type Node } from "./node.ts";

/** The nodes that are being resolved: meeting one again is a cycle. */
export type Memo = Set<Node>;

/** Where a path starts: at the root, or for each leading dot beyond the first one level up from `from`. */
export function rootOf(from: Container, path: string): { root: Container; rest: string } {
  if (!path.startsWith(".")) return { root: from.root as Container, rest: path };
  let root: Node | undefined = from;
  let rest = path.slice(1);
  for (; rest.startsWith("."); rest = rest.slice(1)) {
    root = root?.parent;
    if (root === undefined) throw new ConfigKeyError({ what: `'${path}' leads above the root` });
  }
  return { root: root as Container, rest };
}

export interface SelectFlags {
  readonly throwOnMissing: boolean;
  readonly throwOnFailure: boolean;
  readonly memo?: Memo | undefined;
}

/** The child that one part of a path names. */
export function childOf(container: Container, part: string, flags: SelectFlags): Node | undefined {
  let child: Node | undefined;
  if (container instanceof ListConfig) {
    if (!flags.throwOnFailure && parsePythonInt(part) === undefined) return undefined;
    child = container.node(listIndex(part, container.fullKey()));
  } else {
    child = container.node(part);
  }
  if (child !== undefined && flags.throwOnMissing && isMissingNode(child)) {
    throw missingValue(child);
  }
  return child;
}
